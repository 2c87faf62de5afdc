"""A text that must not be seen: it is read by asking for it, and never printed by accident."""

from typing import Final

MASK: Final = "********"


class Secret:
    """A password, token or key. `reveal()` gives the text; what prints it gives a mask, or nothing when it is empty."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself: for the wire only, never for a log or a message."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(("secret", self._text))

    def __str__(self) -> str:
        return MASK if self._text else ""

    def __repr__(self) -> str:
        return f"Secret({str(self)!r})"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written out; call reveal() where it is needed")
