"""What is said of what went wrong, with advisers that know, that know nothing, and that fail."""

from types import SimpleNamespace

import pytest

from llmplan import hookimpl
from llmplan.catalogues import plugged
from llmplan.cli.advice import tell
from llmplan.estimate import Advice, Adviser


def advising(name, refused):
    """A plugin with one adviser, of refusals."""
    return SimpleNamespace(__name__=name, llmplan_advisers=hookimpl(lambda: [Adviser(name=name, refused=refused)]))


def failing(_error, _words):
    """An adviser with a slip in it."""
    raise KeyError("words")


PLAIN = "llmplan: gpu: 'x' is unknown"


@pytest.mark.parametrize(("plugins", "said"), [
    ([], [PLAIN]),
    ([advising("silent", lambda *_: None)], [PLAIN]),
    ([advising("knows", lambda error, words: Advice(f"{error}!", f"llmplan {words[0]}"))],
     [f"{PLAIN}!", "hint: llmplan train"]),
    ([advising("fails", failing)],
     ["llmplan: adviser: fails of fails failed: KeyError: 'words' (test_advice.py, line 20)", PLAIN]),
    ([advising("slips", lambda *_: "a line")],
     ["llmplan: adviser: slips of slips returned a str, not an Advice", PLAIN]),
])  # fmt: skip
def test_an_error_is_told_whatever_becomes_of_advice(capsys, plugins, said):
    """A slip would cost its one line, or an adviser that fails the line that says what is wrong."""
    with plugged(*plugins, without=("llmplan-report",)):
        tell("gpu: 'x' is unknown", "refused", "gpu: 'x' is unknown", ["train"])
    assert capsys.readouterr().err.splitlines() == said
