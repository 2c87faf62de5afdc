"""What people see: the `egnyte-watch` command."""
