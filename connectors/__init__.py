"""Whom we talk to: Egnyte, the directory, databases of places and lists of networks."""
