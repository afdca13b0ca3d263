"""A filled-in value of every message between services, made from its type, always the same."""

import inspect
import zlib
from enum import Enum
from types import ModuleType, NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from warren.contracts import auth, events, presence, queries, rooms, rpc
from warren.contracts.rpc import Method

MODULES: tuple[ModuleType, ...] = (auth, events, presence, queries, rooms, rpc)
BASES = (events.Notice, rooms.Command)
"""Never sent themselves."""


def messages() -> dict[str, type[Struct]]:
    """Every struct of the internal contracts, and what their methods take and return, by its full name."""
    found: dict[str, type[Struct]] = {}
    for module in MODULES:
        for value in vars(module).values():
            if inspect.isclass(value) and issubclass(value, Struct) and value.__module__ == module.__name__:
                found[_name(value)] = value
            elif isinstance(value, Method):
                found |= {_name(kind): kind for kind in (value.request, value.response)}
    return {name: kind for name, kind in sorted(found.items()) if kind not in BASES}


def _name(kind: type[Struct]) -> str:
    return f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}"


def sample(kind: type[Struct]) -> Struct:
    """A value with every field set, also those with a default."""
    hints = get_type_hints(kind, include_extras=False)
    return kind(**{field.name: _value(hints[field.name], field.name) for field in msgspec.structs.fields(kind)})


def _value(kind: Any, name: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _value(arguments[0], name)
    if origin is Literal:
        return arguments[0]
    if origin in (Union, UnionType):
        return _value(next(argument for argument in arguments if argument is not NoneType), name)
    if origin is list:
        return _items(arguments[0], name)
    if origin is dict:
        return {f"{name}-key": _value(arguments[1], name)}
    if kind in (str, int, float, bool, bytes):
        return {str: name, int: zlib.crc32(name.encode()) % 100_000, float: 0.5, bool: True, bytes: name.encode()}[kind]
    if issubclass(kind, Enum):
        return next(iter(kind))
    return sample(kind)


def _items(kind: Any, name: str) -> list[Any]:
    """One of each kind that the list may hold."""
    kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return [_value(each, name) for each in kinds]
