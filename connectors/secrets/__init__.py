"""What nobody may see: the connectors' tokens at rest, and the key that they are encrypted with."""
