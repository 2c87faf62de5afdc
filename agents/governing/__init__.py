"""What governance decides, pure: which actions are due, which rails hold them, and how each stands by the log."""
