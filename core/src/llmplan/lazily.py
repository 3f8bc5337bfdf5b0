"""Public names of a package, imported when they are first used: a command builds only the classes that it needs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], list[str]]:
    """The ``__getattr__`` and ``__all__`` of a package, from the names in each of its modules, with blanks between."""
    home_of = {name: module for module, names in homes.items() for name in names.split()}

    def found(name: str) -> Any:
        if name not in home_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home_of[name] if "." in home_of[name] else f"{package}.{home_of[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return found, list(home_of)
