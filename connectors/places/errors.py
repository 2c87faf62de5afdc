"""What goes wrong with a database or a list, in words that an operator can act on."""


class PlacesError(Exception):
    """A file that can't be used. `path`: which one; `reason`: what is wrong, and where; `advice`: what to do."""

    def __init__(self, path: str, reason: str, advice: str) -> None:
        super().__init__(f"{path}: {reason}. {advice}")
        self.path = path
        self.reason = reason
        self.advice = advice
