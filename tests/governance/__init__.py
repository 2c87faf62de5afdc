"""`python -m tests.governance`: the long trial of governance."""
