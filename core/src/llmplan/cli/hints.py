"""Beside an error a command that works: with the nearest name in place of a slip, or what explains the option."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence

from llmplan.request import InferRequest, InferSearchRequest, SearchRequest, TrainRequest, option_name, options_of

_REQUESTS = (TrainRequest, InferRequest, SearchRequest, InferSearchRequest)
_COMMAND = re.compile(r"No such command '(.+?)'\. Did you mean '(.+?)'")
_OPTION = re.compile(r"No such option: (\S+); did you mean (--[\w-]+)\?")
_NAMED = re.compile(r"(?:Option '--)?([\w-]+)(?:: |' requires)")
_GROUPS = ("search",)
_MENTIONED = re.compile(r"--([\w-]+)")
_LISTED = re.compile(r"; (llmplan list [\w-]+) shows")


def hint_of(message: str, given: Sequence[str], commands: Iterable[str], instead: tuple[str, str] | None) -> str:
    """The command, or nothing where none is known to help."""
    for pattern in (_COMMAND, _OPTION):
        if found := pattern.match(message):
            instead = (found[1], found[2])
    if instead is not None:
        changed = [_with(word, *instead) for word in given]
        if changed != list(given):
            return shlex.join(("llmplan", *changed))
    if message.startswith("No such option"):
        words = [word for word in given[: 1 + (given[0] in _GROUPS)] if not word.startswith("-")]
        return shlex.join(("llmplan", *words, "--help"))
    if listed := _LISTED.search(message):
        return listed[1]
    known = {option_name(name) for request in _REQUESTS for name in options_of(request)}
    for look in (_NAMED.match, _MENTIONED.search):
        if (named := look(message)) and named[1] in known and "explain" in commands:
            return f"llmplan explain {named[1]}"
    return ""


def _with(word: str, wrong: str, right: str) -> str:
    """A word of the command line with the right one in place of the slip, also in ``--gpu=a,b``."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if option == wrong:
        return f"{right}{equals}{value}"
    return f"{option}{equals}{','.join(right if one == wrong else one for one in value.split(','))}"
