"""What a word means to llmplan: a term of the glossary, a figure of an estimate, an option of a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from llmplan.catalogues.figures import figures_of
from llmplan.errors import UnknownNameError
from llmplan.estimate.figures import INFER, SERVER, TRAIN
from llmplan.request import InferRequest, InferSearchRequest, SearchRequest, TrainRequest, option_name, options_of
from llmplan_glossary.terms import groups, key_of

_REQUESTS: Mapping[str, Any] = {
    "train": TrainRequest,
    "infer": InferRequest,
    "search train": SearchRequest,
    "search infer": InferSearchRequest,
}
_OF = {TRAIN: "training", INFER: "a batch", SERVER: "a server"}
_UNITS = {"s": "seconds", "share": "a share of 1", "money": "the currency of the price"}
_MOST_NEAR, _LIKE = 3, 0.7


@frozen(repr=False)
class Found:
    """One meaning that a word has."""

    name: str
    kind: str
    """``term``, ``figure`` or ``option``."""
    words: str
    facts: Mapping[str, str]
    """What else there is to know: formula, source, unit, values, commands."""


def meanings(word: str) -> list[Found]:
    """All meanings, the glossary's first; UnknownNameError with the nearest words where there is none."""
    everything = list(_everything())
    wanted = key_of(word)
    found = [meaning for keys, meaning in everything if wanted in keys]
    if not found:
        from difflib import get_close_matches

        known = {key: meaning.name for keys, meaning in everything for key in keys}
        near = [known[key] for key in get_close_matches(wanted, known, _MOST_NEAR, _LIKE)]
        advice = f"did you mean {', '.join(dict.fromkeys(near))}?" if near else "llmplan explain lists all words"
        raise UnknownNameError(f"explain: {word!r} is unknown; {advice}", (word, near[0]) if near else None)
    return found


def _everything() -> Iterator[tuple[tuple[str, ...], Found]]:
    """Each meaning with the keys that it is found under."""
    for group in groups():
        for term in group.terms:
            facts = {"formula": term.formula, "source": term.source}
            yield term.keys, Found(term.name, "term", term.words, {name: fact for name, fact in facts.items() if fact})
    yield from _figures()
    yield from _options()


def _figures() -> Iterator[tuple[tuple[str, ...], Found]]:
    """Of estimates, by the key of the JSON and the line of the report; each with what has it."""
    told: dict[tuple[str, str], list[str]] = {}
    for kind, words in _OF.items():
        for figure in figures_of(kind):
            told.setdefault((figure.key, figure.words), []).append(words)
    for kind in _OF:
        for figure in figures_of(kind):
            has = told.pop((figure.key, figure.words), None)
            if has is None:
                continue
            facts = {"figure of": ", ".join(has), "unit": _UNITS.get(figure.unit, figure.unit)}
            facts |= {"needs": figure.needs} if figure.needs else {}
            keys = {key_of(figure.key), key_of(figure.key.rpartition(".")[2]), key_of(figure.fact or figure.key)}
            yield tuple(keys), Found(figure.key, "figure", f"{figure.words}.", facts)


def _options() -> Iterator[tuple[tuple[str, ...], Found]]:
    """Each once, with the commands that take it."""
    taken: dict[tuple[str, str], list[str]] = {}
    for command, request in _REQUESTS.items():
        for name, option in options_of(request).items():
            taken.setdefault((name, option["help"]), []).append(command)
    for (name, text), commands in taken.items():
        option = options_of(_REQUESTS[commands[0]])[name]
        facts = {"option of": ", ".join(commands), "values": "on or off" if option["flag"] else option["metavar"]}
        listed = option["names"]
        facts |= {"names": f"llmplan list {listed}"} if isinstance(listed, str) else {}
        yield (key_of(name),), Found(f"--{option_name(name)}", "option", text, facts)
