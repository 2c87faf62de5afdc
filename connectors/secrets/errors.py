"""What can be wrong with the vault."""

from streams.errors import StreamError


class VaultError(StreamError):
    """The vault can't be read or written. The text names the file and what to do, and holds no secret."""
