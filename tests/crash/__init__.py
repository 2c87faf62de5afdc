"""Kill everything, at every step, and see that the books balance: `python -m tests.crash`."""
