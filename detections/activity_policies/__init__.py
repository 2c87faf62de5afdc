"""Activity policies: rules that people write in YAML, compiled to closures. Pure: text in, policies out."""
