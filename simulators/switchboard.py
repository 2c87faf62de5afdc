"""What is not known of a cloud, as switches by name: turned by code, by a command, or over HTTP."""

from collections.abc import Iterable, Iterator
from typing import Any, Self, cast

import msgspec


class Switchboard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The switches of a stand-in: every one has a default."""

    def changed(self, changes: dict[str, Any]) -> Self:
        """These switches with `changes`. Raises ValueError, naming the switch, for an unknown name or a value that
        does not fit.
        """
        if unknown := sorted(changes.keys() - set(self.__struct_fields__)):
            raise ValueError(f"unknown switch {', '.join(unknown)}; known are {', '.join(self.__struct_fields__)}")
        try:
            return msgspec.convert(cast(dict[str, Any], msgspec.to_builtins(self)) | changes, type(self))
        except msgspec.ValidationError as problem:
            raise ValueError(f"switches: {problem}") from None

    @classmethod
    def listed(cls) -> Iterator[str]:
        """What each is about, then NAME=DEFAULT of each."""
        yield f"{cls.__doc__}\n"
        for name in cls.__struct_fields__:
            yield f"{name}={getattr(cls(), name)}"

    @classmethod
    def parsed(cls, settings: Iterable[str]) -> dict[str, Any]:
        """NAME=VALUE as the type of the switch's default. Raises ValueError."""
        found: dict[str, Any] = {}
        for setting in settings:
            name, equals, value = setting.partition("=")
            default = getattr(cls(), name, None)
            if not equals or name not in cls.__struct_fields__:
                known = ", ".join(cls.__struct_fields__)
                raise ValueError(f"--set {setting}: NAME=VALUE is needed, with one of {known}")
            if isinstance(default, bool):
                if value not in {"true", "false"}:
                    raise ValueError(f"--set {setting}: {name} is true or false")
                found[name] = value == "true"
                continue
            try:
                found[name] = cast(type[Any], type(default))(value)
            except ValueError:
                raise ValueError(f"--set {setting}: {name} is a number, such as {default}") from None
        return found
