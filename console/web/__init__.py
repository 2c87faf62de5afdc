"""What `egnyte-watch console` serves over HTTP: the archive, for people's tools and for the command line."""
