"""``llmplan explain TERM``: what a word of a report, an option or a key of the JSON means."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from llmplan.cli.options import completer
from llmplan_glossary.terms import groups

_HELP = "What a word of a report or an option means."


def add_explain(app: typer.Typer) -> None:
    """Add ``llmplan explain`` to the app."""

    @app.command("explain", help=_HELP, context_settings={"ignore_unknown_options": True})  # of --zero
    def explain(
        term: Annotated[
            list[str] | None,
            typer.Argument(
                help="A word, like mfu, tp_comm, headroom, --zero or gpu_hours; without one, all words are listed.",
                autocompletion=completer(lambda: [term.name for group in groups() for term in group.terms]),
            ),
        ] = None,
        json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    ) -> None:
        word = " ".join(term or ())
        if json_:
            print(json.dumps(_document(word), indent=2))
        else:
            print("\n".join(_lines(word) if word else _listed()))


def _document(word: str) -> dict[str, object]:
    from llmplan_glossary.found import meanings

    if not word:
        return {"terms": {group.name: [term.name for term in group.terms] for group in groups()}}
    return {
        "term": word,
        "meanings": [
            {"name": found.name, "kind": found.kind, "words": found.words, **found.facts} for found in meanings(word)
        ],
    }


def _lines(word: str) -> Iterator[str]:
    """Each meaning with a heading of its own."""
    from llmplan_glossary.found import meanings

    for number, found in enumerate(meanings(word)):
        if number:
            yield ""
        yield f"{found.name}  ({found.kind})"
        yield from _wrapped(_plain(found.words), "  ")
        width = max(map(len, found.facts), default=0)
        for name, fact in found.facts.items():
            yield from _wrapped(f"{name:<{width}}  {fact}", "  ", " " * (width + 4))


def _listed() -> Iterator[str]:
    for group in groups():
        yield f"{group.name}:"
        yield from _wrapped(", ".join(term.name for term in group.terms), "  ")
    yield "Figures of the JSON and options of the commands are explained too."


def _plain(text: str) -> str:
    return text.replace("`", "").replace("**", "")


def _wrapped(text: str, first: str, further: str | None = None) -> list[str]:
    from shutil import get_terminal_size
    from textwrap import wrap

    width = min(get_terminal_size().columns, 100)
    return wrap(
        text, width, initial_indent=first, subsequent_indent=first if further is None else further,
        break_on_hyphens=False,
    )  # fmt: skip
