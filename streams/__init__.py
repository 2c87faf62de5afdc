"""How it travels: settings, topics and tables, the chunk transport and its unit of work."""
