"""What fields of the settings may hold, where a plain type says too little."""

from typing import Annotated

from msgspec import Meta

Positive = Annotated[int, Meta(ge=1)]
Text = Annotated[str, Meta(min_length=1)]
Name = Annotated[
    str,
    Meta(
        pattern=r"^([a-z0-9][a-z0-9._-]{0,62})?$",
        description="up to 63 lower case letters, digits, '.', '_' or '-', the first a letter or digit",
    ),
]
Prefix = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="1 to 100 letters, digits, '.', '_' or '-', the first a letter or digit",
    ),
]
"""Kafka allows 249 characters in a topic's name; the rest is for our part of it."""
HttpUrl = Annotated[
    str,
    Meta(
        pattern=r"^(https?://[^/?#@\s]+(/[^?#\s]*)?)?$",
        description="an address that begins with https:// (or http://), without a user or a query",
    ),
]
