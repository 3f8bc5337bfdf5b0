"""The records of one kind, looked up by name and made when they are."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from llmplan.catalogues.folder import TomlRecords
from llmplan.catalogues.guard import Guard
from llmplan.catalogues.kinds import Kind, is_family
from llmplan.catalogues.lazy_record import LazyRecord
from llmplan.catalogues.plugins import Plugin, Plugins
from llmplan.errors import BadInputError, LlmplanError, UnknownNameError

if TYPE_CHECKING:
    from llmplan.records import DTypeFamily

T = TypeVar("T")
_MOST_NEAR, _LIKE = 5, 0.75


class Offer:
    """A record that a plugin offers under a name, made when it is first looked at."""

    def __init__(self, plugin: Plugin, make: Callable[[], Any], mentions: Callable[[str], bool]) -> None:
        self.plugin = plugin
        self.make = make
        self.mentions = mentions
        """Whether a word stands in what the record is made of: no record need be made that lacks it."""
        self.being_made = False
        self._record: Any = None

    @property
    def record(self) -> Any:
        """The record; whatever is wrong with it is raised."""
        if self.being_made:
            raise BadInputError("takes after itself")
        if self._record is None:
            self.being_made = True
            try:
                self._record = self.make()
            finally:
                self.being_made = False
        return self._record


class Catalogue(Mapping[str, T], Generic[T]):
    """The records of one kind. ``catalogue[name]`` finds a record, ``catalogue["distribution:name"]`` the one of that
    distribution. Where several offer a name it is that of this project, else of the first distribution by name.

    Names are found in any case, and by a record's aliases where nothing has that name.
    """

    def __init__(self, kind: Kind, plugins: Plugins) -> None:
        self.kind = kind
        self._plugins = plugins
        self._offered: dict[str, dict[str, Offer]] = {}
        self._families: list[tuple[Plugin, DTypeFamily]] = []
        self._dropped: set[tuple[str, str]] = set()
        self._mentioning: dict[tuple[str, ...], list[tuple[str, str, Offer]]] = {}
        for plugin, record in plugins.ask(kind.hook, kind.check):
            self._add(plugin, record)

    def _add(self, plugin: Plugin, record: Any) -> None:
        if isinstance(record, TomlRecords):
            for name in record.names:
                make = partial(self._read, record.path(name), plugin)
                self._offer(name, Offer(plugin, make, partial(record.mentions, name)))
        elif isinstance(record, LazyRecord):
            self._offer(record.name, Offer(plugin, partial(self._looked_up, record, plugin), record.mentions))
        elif is_family(record):
            self._families.append((plugin, record))
            for name in record.listed:
                self._offer(name, Offer(plugin, partial(_listed, record, name), lambda _word: True))
        else:
            self._offer(record.name, _made(plugin, record))

    def _offer(self, name: str, offer: Offer) -> None:
        self._offered.setdefault(name, {})[offer.plugin.distribution] = offer

    def _read(self, path: str, plugin: Plugin) -> Any:
        """The record of a file; the names that it takes after are its own plugin's first."""
        from llmplan.catalogues.record_file import installed, read_record

        def find(name: str) -> Any:
            own = self._offered.get(name, {}).get(plugin.distribution)
            if own is not None:
                return own.record
            return self[name] if name in self else installed(self.kind, name)

        return read_record(path, self.kind, find, in_folder=True)

    def _looked_up(self, lazy: LazyRecord, plugin: Plugin) -> Any:
        with Guard(self.kind, lazy.name, plugin.distribution):
            record = lazy.make()
        self.kind.check(record)
        if record.name != lazy.name:
            raise BadInputError(f"{self.kind.singular}: {lazy.name} is made as {record.name}")
        return record

    def __getitem__(self, name: str) -> T:
        if not isinstance(name, str):
            raise UnknownNameError(f"{self.kind.singular}: {name!r} is not a name")
        distribution, _, plain = name.rpartition(":")
        offers = self._meant(plain, distribution)
        if not offers:
            near = self.near(name)
            raise UnknownNameError(self._unknown(name, near), (name, near[0]) if near else None)
        if len(offers) > 1:
            owner, *others = offers
            ways = ", ".join(f"{other}:{plain}" for other in others)
            self._plugins.clash(f"{self.kind.singular}: {plain} is that of {owner}; there is {ways}, too")
        found: T = next(iter(offers.values())).record
        return found

    def __contains__(self, name: object) -> bool:
        if name in self._offered:
            return True
        try:
            self[name]  # type: ignore[index]
        except BadInputError:
            return False
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return sum(map(len, self._offered.values()))

    def names(self) -> list[str]:
        """Every name that is listed, in the order in which plugins offer them; where several offer one, those that
        do not have it with their distribution, as it has to be written.
        """
        return [
            f"{distribution}:{name}" if place else name
            for name, offers in self._offered.items()
            for place, distribution in enumerate(self._by_rank(offers))
        ]

    def near(self, name: str) -> list[str]:
        """The names most like this one: those that hold it, then those that are spelt alike."""
        from difflib import get_close_matches

        wanted, letters = name.lower(), _letters(name)
        holding = [known for known in self._offered if letters and letters in _letters(known)]
        near = holding or get_close_matches(wanted, self._offered, cutoff=0.6)
        if not near and letters:  # H1000 is like H100, by which h100-sxm-80gb goes too
            called = {
                word.lower(): known for known, _, record in self.entries() for word in getattr(record, "aliases", ())
            }
            near = list(dict.fromkeys(called[one] for one in get_close_matches(wanted, called, cutoff=_LIKE)))
        return near[:_MOST_NEAR]

    def providers(self, name: str) -> list[str]:
        """The distributions that offer this name, the one that has it first."""
        return list(self._offers(name))

    def offers(self) -> list[tuple[str, str]]:
        """Name and distribution of everything, without making a record."""
        return [(name, distribution) for name, offers in self._offered.items() for distribution in offers]

    def offered(self) -> Iterator[tuple[Plugin, T]]:
        """Every record with the plugin that it is of."""
        plugins = {plugin.distribution: plugin for plugin in self._plugins.loaded}
        yield from ((plugins[by], record) for _, by, record in self.entries())

    def entries(self, *mentioning: str) -> list[tuple[str, str, T]]:
        """Name, distribution and record of everything, both records where two plugins offer the same name.

        With words, only what may hold all of them. A record that cannot be made is left out, and becomes a problem.
        """
        if mentioning not in self._mentioning:
            self._mentioning[mentioning] = [
                (name, distribution, offer)
                for name, offers in self._offered.items()
                for distribution, offer in self._by_rank(offers).items()
                if all(map(offer.mentions, mentioning))
            ]
        return [
            (name, distribution, offer.record)
            for name, distribution, offer in self._mentioning[mentioning]
            if not offer.being_made and self._sound(name, offer)
        ]

    def _sound(self, name: str, offer: Offer) -> bool:
        """Whether the record can be made; the first time that it cannot be is noted."""
        try:
            return offer.record is not None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever is wrong with one record stays with that record
            key = (name, offer.plugin.distribution)
            if key not in self._dropped:
                self._dropped.add(key)
                self._plugins.note(offer.plugin, error, record=f"{self.kind.singular} {name}")
            return False

    def _meant(self, word: str, distribution: str) -> dict[str, Offer]:
        """Of this very name, else in lower case, else with this alias, the one that has it first.

        What is this project's is not taken by another's, whether that is called so by name or by alias. Records are
        compared by their letters only where no name or alias is written so: that makes every one of them.
        """
        found: dict[str, Offer] = {}
        refusals: list[LlmplanError] = []
        for way in (self._offers, self._offers_in_lower_case, self._offers_of_alias):
            try:
                offers = way(word, distribution)
            except LlmplanError as error:
                refusals.append(error)
                continue
            found |= {by: offer for by, offer in offers.items() if not found or by in self._plugins.own}
            if not self._plugins.own.isdisjoint(found):
                break
        if refusals and not found:
            raise refusals[0]
        return self._by_rank(found) if found else self._offers_spelt_alike(word, distribution)

    def _offers(self, name: str, distribution: str = "") -> dict[str, Offer]:
        """By distribution, those of this very name; of one distribution alone where it is named."""
        offers = dict(self._offered.get(name, {}))
        refusals: list[LlmplanError] = []
        for plugin, family in self._families:
            try:
                with Guard(self.kind, name, plugin.distribution):
                    rule = None if plugin.distribution in offers else family.rule(name)
            except LlmplanError as error:  # one family's refusal is no answer for the others
                refusals.append(error)
            else:
                if rule is not None:
                    offers[plugin.distribution] = _made(plugin, rule)
        if refusals and not offers:
            raise refusals[0]
        return self._by_rank({key: offer for key, offer in offers.items() if distribution in ("", key)})

    def _by_rank(self, offers: dict[str, Offer]) -> dict[str, Offer]:
        """The one that has the name first."""
        if len(offers) < 2:  # noqa: PLR2004 - most names have one
            return offers
        return {by: offers[by] for by in sorted(offers, key=self._plugins.rank)}

    def _offers_in_lower_case(self, word: str, distribution: str) -> dict[str, Offer]:
        return {} if word == word.lower() else self._offers(word.lower(), distribution)

    def _offers_of_alias(self, word: str, distribution: str) -> dict[str, Offer]:
        """Of the one record that has this alias, of the distribution that has it."""
        wanted = word.lower()
        if not wanted:
            return {}
        called = {
            (name, by)
            for name, by, record in self.entries(wanted)
            if distribution in ("", by) and wanted in map(str.lower, getattr(record, "aliases", ()))
        }
        return self._one_of(called, word)

    def _offers_spelt_alike(self, word: str, distribution: str) -> dict[str, Offer]:
        """Of the one record whose name or alias has the same letters and digits, like ``RTX 4090`` and ``DeepSeekV3``;
        the vendor may stand before them.
        """
        if not word or re.search(_PATHS, word) is not None:
            return {}
        letters = _letters(word)
        called = {
            (name, by)
            for name, by, record in self.entries()
            if distribution in ("", by)
            and {letters, letters.removeprefix(_letters(getattr(record, "vendor", "")))}
            & {*map(_letters, (name, *getattr(record, "aliases", ())))}
        }
        return self._one_of(called, word)

    def _one_of(self, called: set[tuple[str, str]], word: str) -> dict[str, Offer]:
        """By distribution, the offers of the one name; UnknownNameError where the first to have it has several."""
        first = min((by for _, by in called), key=self._plugins.rank, default="")
        names = sorted({name for name, by in called if by == first})
        if len(names) > 1:
            raise UnknownNameError(f"{self.kind.singular}: {word!r} may be {' or '.join(names)}; write one of them")
        return {by: self._offered[name][by] for name, by in sorted(called, key=lambda one: self._plugins.rank(one[1]))}

    def _unknown(self, name: str, near: list[str]) -> str:
        kind = self.kind
        if not self._offered:
            message = f"{kind.singular}: no plugin that offers {kind.plural} is installed"
            message += f", and {name!r} is no file that ends in .toml" if kind.in_files else ""
        elif near:
            message = f"{kind.singular}: {name!r} is unknown; did you mean {', '.join(near)}?"
        else:
            message = f"{kind.singular}: {name!r} is unknown; llmplan list {kind.plural} shows what there is"
        failed = len({problem.distribution for problem in self._plugins.problems})
        return f"{message} ({failed} plugin(s) failed and might have offered it)" if failed else message


_PATHS = r"[/\\]|\.(?:toml|json)$"
"""Of files and ids of a hub, which other plugins read."""


def _letters(name: str) -> str:
    """A name without what stands between its words."""
    return re.sub(r"[^a-z0-9.]", "", name.lower())


def _made(plugin: Plugin, record: Any) -> Offer:
    return Offer(plugin, lambda: record, lambda _word: True)


def _listed(family: DTypeFamily, name: str) -> Any:
    """The rule that a family lists; BadInputError where it makes none of that name."""
    rule = family.rule(name)
    if rule is None or rule.name != name:
        raise BadInputError(f"the family lists {name} and makes no such rule")
    return rule
