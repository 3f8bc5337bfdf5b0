"""A mutant in place of a module that is there: its functions, constants and defaults, without importing it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from attrs import define

Key = tuple[str, int, int]
"""A function's name and first line, and how many before it have both: generators in one line."""


@define
class Loaded:
    """A module, and the functions of it that are there."""

    path: Path
    codes: dict[Key, CodeType]
    functions: dict[Key, list[FunctionType]]

    @classmethod
    def of(cls, path: Path) -> Loaded:
        """Look for all functions that were made of the module."""
        codes = _codes(_compiled(path, path.read_text("utf-8")))
        keys = {(key[:2], _own(code)): key for key, code in reversed(codes.items())}
        functions: dict[Key, list[FunctionType]] = {}
        for one in gc.get_objects():
            if isinstance(one, FunctionType) and one.__code__.co_filename == str(path):
                named = one.__code__.co_name, one.__code__.co_firstlineno
                functions.setdefault(keys.get((named, _own(one.__code__)), (*named, 0)), []).append(one)
        return cls(path, codes, functions)

    def swap(self, text: str) -> Callable[[], None] | None:
        """What puts the functions of a mutant in place; None where it changes anything else."""
        new, old = _codes(_compiled(self.path, text)), self.codes
        changed = [key for key in {*old, *new} if key not in old or key not in new or _own(old[key]) != _own(new[key])]
        found: dict[FunctionType, CodeType] = {}
        for key in changed:
            there = key if key in self.functions else self._outer(key, new)
            if there is None:
                return None
            found |= dict.fromkeys(self.functions[there], new[there])
        return lambda: _put(found)

    def _outer(self, key: Key, new: Mapping[Key, CodeType]) -> Key | None:
        """The function that is there around a code that is not, as of a generator in it."""
        for other in self.functions:
            if other in new and any(inner is new.get(key) for inner in _inside(new[other])):
                return other
        return None

    def renew(self, text: str) -> None:
        """Run a mutant beside the module, and take its constants, defaults and functions over, wherever they went."""
        (module,) = [one for one in list(sys.modules.values()) if getattr(one, "__file__", None) == str(self.path)]
        fresh: dict[str, Any] = {"__name__": module.__name__, "__package__": module.__package__}
        exec(_compiled(self.path, text), fresh)  # noqa: S102
        for name, value in fresh.items():
            old = module.__dict__.get(name)
            if isinstance(value, FunctionType) and isinstance(old, FunctionType):
                _take_over(old, value)
            elif isinstance(value, type) and isinstance(old, type) and value.__module__ == module.__name__:
                _take_over_class(old, value)
            elif isinstance(value, (int, float, str, tuple, dict, frozenset)) and value != old:
                _rebind(name, old, value)


def _put(codes: Mapping[FunctionType, CodeType]) -> None:
    for function, code in codes.items():
        function.__code__ = code


def _take_over(old: FunctionType, new: FunctionType) -> None:
    if old.__code__.co_freevars == new.__code__.co_freevars:
        old.__code__, old.__defaults__, old.__kwdefaults__ = new.__code__, new.__defaults__, new.__kwdefaults__


def _take_over_class(old: type, new: type) -> None:
    for name, value in list(vars(new).items()):
        mine = vars(old).get(name)
        if isinstance(value, FunctionType) and isinstance(mine, FunctionType):
            if name == "__init__":
                old.__init__ = value  # type: ignore[misc]
            else:
                _take_over(mine, value)
        elif isinstance(value, (int, float, str, tuple)) and name[:2] != "__" and value != mine:
            setattr(old, name, value)


def _rebind(name: str, old: object, value: object) -> None:
    """In every module that has the constant by its name."""
    for module in list(sys.modules.values()):
        if isinstance(module, ModuleType) and module.__dict__.get(name) is old:
            module.__dict__[name] = value


def _compiled(path: Path, text: str) -> CodeType:
    return compile(text, str(path), "exec", dont_inherit=True)


def _codes(code: CodeType) -> dict[Key, CodeType]:
    found: dict[Key, CodeType] = {}
    for one in _inside(code):
        earlier = sum(key[:2] == (one.co_name, one.co_firstlineno) for key in found)
        found[one.co_name, one.co_firstlineno, earlier] = one
    return found


def _inside(code: CodeType) -> Iterator[CodeType]:
    """It and all that is in it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _inside(one)


def _own(code: CodeType) -> tuple[Any, ...]:
    """What a code does, without that which is inside it."""
    constants = tuple("code" if isinstance(one, CodeType) else repr(one) for one in code.co_consts)
    return code.co_code, constants, code.co_names
