"""A small OpenID provider with real keys: it signs one person in, as told, and can be told to do it wrong."""
