"""The archive: activities, findings and governance in DuckDB, kept exactly once, to search and to take away.

One process may write a DuckDB file, and no other may read it meanwhile: so it lives inside `egnyte-watch console`, and
whoever wants something of it asks that process over HTTP. The topics remain the truth; the archive can be deleted and
is then filled again from what the topics still hold.
"""
