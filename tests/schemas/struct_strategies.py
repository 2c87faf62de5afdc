"""Any value of a Struct, from its fields' types: a field that is added later is tried too."""

import types
import typing
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

T = TypeVar("T", bound=msgspec.Struct)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=10),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)


def values(struct: type[T]) -> st.SearchStrategy[T]:
    return st.builds(struct, **{field.name: _of(field.type) for field in msgspec.structs.fields(struct)})


def _of(kind: Any) -> st.SearchStrategy[Any]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return values(kind)
    if kind is msgspec.Raw:
        return _JSON.map(lambda value: msgspec.Raw(msgspec.json.encode(value)))
    if kind is Any:
        return _JSON
    if kind is int:
        return st.integers(-(2**63), 2**63 - 1)
    if kind is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([_of(each) for each in arguments])
    if origin is tuple:
        return st.lists(_of(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(_of(arguments[0]), _of(arguments[1]), max_size=3)
    return st.from_type(kind)
