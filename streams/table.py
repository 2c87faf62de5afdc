"""An agent's Faust table: in `app.tables`, with the agent's changelog, but restored and written by the unit of work."""

from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from faust.tables.manager import TableManager
from faust.tables.table import Table

from streams.lanes import Lanes


class LogTables(TableManager):
    """Faust knows the tables; nothing of theirs is recovered or sent by Faust."""

    @property
    def changelog_topics(self) -> set[str]:
        """None that Faust should read."""
        return set()

    async def _update_channels(self) -> None:
        self._tables_finalized.set()
        for table in self.values():
            await table.maybe_start()
        self._tables_registered.set()


class CommittedValues(MutableMapping[bytes, bytes]):
    """A read-only view of what is committed, over all partitions here."""

    def __init__(self, lanes: Callable[[], Lanes]) -> None:
        self._lanes = lanes

    def _maps(self) -> list[dict[bytes, bytes]]:
        lanes = self._lanes()
        return [lanes.values(tp) for tp in lanes.partitions]

    def __getitem__(self, key: bytes) -> bytes:
        for values in self._maps():
            if key in values:
                return values[key]
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("the table is written by the unit of work: change state in a handler")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("the table is written by the unit of work: change state in a handler")

    def __iter__(self) -> Iterator[bytes]:
        for values in self._maps():
            yield from values

    def __len__(self) -> int:
        return sum(len(values) for values in self._maps())


class UnitTable(Table[bytes, bytes]):
    """State of an agent: user key to encoded value."""

    def __init__(self, app: Any, *, name: str, lanes: Callable[[], Lanes], partitions: int, **kwargs: Any) -> None:
        super().__init__(app, name=name, key_type=bytes, value_type=bytes, partitions=partitions, **kwargs)
        self._data = CommittedValues(lanes)  # type: ignore[assignment]

    async def on_start(self) -> None:
        """Nothing: no store of Faust's, and the changelog is made by `egnyte-watch topics`."""

    async def on_recovery_completed(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the lanes have restored, or will."""

    async def on_rebalance(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the lanes restore."""
