"""What a TOML file takes from another record: ``like = "h100-sxm-80gb"``, of a whole file or of one of its tables.

- ``like = NAME`` in a table: what the table does not say is as in the same table of NAME; ``hbm.like = NAME`` is the
  same of one number.
- ``KEY = "none"``: not even NAME's, but for keys among whose words ``none`` is one.
- In a table of numbers and curves, a word in their place names a neighbour: ``fp16 = "bf16"`` has the value of bf16.

Sources say whose a number is: what is taken from NAME has the source ``as NAME: ...``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from llmplan.catalogues.toml_source import TomlSource
from llmplan.errors import BadInputError

Table = dict[str, Any]
Find = Callable[[str], Table]
"""The values of the record of a name."""
_WORDS = ("source", "like")
"""Of the tables inside a file, what is text."""
_ITS_OWN = ("name", "aliases", "default")
"""What no record has from another."""
_AS = "as "
_NONE = "none"


def resolve(
    source: TomlSource,
    values: Mapping[str, Any],
    find: Find,
    sourced: Collection[str] = (),
    table: tuple[str, ...] = (),
    worded: Collection[str] = (),
) -> Table:
    """The values with all that they take from other records and from neighbours; they stand in that table.

    `sourced` are the tables inside it that have a source each; that of a table in one of them is joined to theirs.
    `worded` are the keys that may say ``none`` themselves.
    """
    resolved: Table = _Resolver(source, find, sourced, table, worded).resolved(dict(values), (), None)
    return resolved


class _Resolver:
    def __init__(
        self,
        source: TomlSource,
        find: Find,
        sourced: Collection[str],
        table: tuple[str, ...],
        worded: Collection[str] = (),
    ) -> None:
        self._source = source
        self._find = find
        self._sourced = sourced
        self._table = table
        self._worded = worded

    def resolved(self, own: Table, keys: tuple[str, ...], taken: tuple[str, Any] | None) -> Any:
        """A table; `taken` is what stands in its place in the record that a table around it is like, and whose."""
        like = own.pop("like", None)
        if like is not None:
            taken = like, self._at(like, keys)
            if not own:
                return _named(taken[1], like)
        name, base = taken or ("", {})
        base = base if isinstance(base, dict) else {}
        inner = {
            key: self.resolved(dict(value), (*keys, key), (name, base[key]) if key in base else None)
            if isinstance(value, dict)
            else value
            for key, value in own.items()
        }
        left_out = {*own, "source", *(() if keys else _ITS_OWN)}
        taken_too = {key: value for key, value in base.items() if key not in left_out}
        rest = _named(taken_too, name, keys == ("sources",))
        merged = {**rest, **inner}
        if keys or "source" in base:
            self._say(merged, own, keys, base.get("source") if rest else None, name)
        if keys and keys[0] in self._sourced:
            merged = {key: self._neighbour(merged, key, keys) for key in merged}
        worded = () if keys else self._worded
        return {key: value for key, value in merged.items() if value != _NONE or key in worded}

    def _at(self, name: Any, keys: tuple[str, ...]) -> Any:
        """What stands there in another record."""
        try:
            if not isinstance(name, str):
                raise BadInputError(f"{name!r} is not a name")  # noqa: TRY301 - said as the others are
            found: Any = self._find(name)
            for key in keys:
                if not isinstance(found, dict) or key not in found:
                    raise BadInputError(f"{name} has no {'.'.join(keys)}")  # noqa: TRY301
                found = found[key]
        except BadInputError as error:
            where = (*self._table, *keys, "like")
            raise self._source.error(where, f"{'.'.join(where[len(self._table) :])}: {error}") from error
        return found

    def _neighbour(self, merged: Table, key: str, keys: tuple[str, ...]) -> Any:
        value, seen = merged[key], {key}
        while isinstance(value, str) and key not in _WORDS and value != _NONE:
            if value not in merged or value in seen:
                path = ".".join((*keys, key))
                known = ", ".join(name for name in merged if name not in (*seen, *_WORDS))
                raise self._source.error(
                    (*self._table, *keys, key), f"{path}: {value!r} is neither a number nor one of {known}"
                )
            seen.add(value)
            value = merged[value]
        return value

    def _say(self, merged: Table, own: Table, keys: tuple[str, ...], base: str | None, name: str) -> None:
        """The source of a table: of what is its own, and of the tables in it, first."""
        parts = [own["source"]] if "source" in own else []
        taken: dict[str, list[str]] = {}
        for key in (key for key, value in own.items() if isinstance(value, dict)):
            if set(own[key]) == {"like"}:
                taken.setdefault(own[key]["like"], []).append(key)
            elif keys and ".".join((*keys, key)) not in self._sourced and "source" in merged[key]:
                parts.append(f"{key}: {merged[key].pop('source')}")
        parts += [f"{', '.join(keys)} {_AS}{other}" for other, keys in taken.items()]
        if base is not None:
            parts.append(_of(base, name, "the rest " if parts else ""))
        if parts:
            merged["source"] = "; ".join(parts)


def _of(text: str, name: str, before: str = "") -> str:
    return text if text.startswith(_AS) else f"{before}{_AS}{name}: {text}"


def _named(value: Any, name: str, are_sources: bool = False) -> Any:
    """What is taken from a record, each source with its name."""
    if not isinstance(value, dict):
        return value
    return {
        key: _of(inner, name)
        if isinstance(inner, str) and (are_sources or key == "source")
        else _named(inner, name, key == "sources")
        for key, inner in value.items()
    }
