"""How fast the archive of the console answers, and keeps up."""
