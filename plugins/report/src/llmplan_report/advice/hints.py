"""Beside an error a command that works: with the nearest name in place of a slip, or what explains the option."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from functools import lru_cache

from llmplan.catalogues import Registry, registry
from llmplan.cli.app import build_app
from llmplan.estimate import Advice
from llmplan.request import InferRequest, InferSearchRequest, SearchRequest, TrainRequest, option_name, options_of
from llmplan_report.advice.options import usage_line

_REQUESTS = (TrainRequest, InferRequest, SearchRequest, InferSearchRequest)
_COMMAND = re.compile(r"No such command '(.+?)'\. Did you mean '(.+?)'")
_OPTION = re.compile(r"No such option: (\S+); did you mean (--[\w-]+)\?")
_NAMED = re.compile(r"(?:Option '--)?([\w-]+)(?:: |' requires)")
_HERE = re.compile(r"No such option: (\S+); here it is (--[\w-]+)$")
_ELSEWHERE = re.compile(r"No such option: (\S+); llmplan (search )?(\w+) has it(?:, as (--[\w-]+))?$")
_INSTALLS = re.compile(r"; (python3 -m pip install [\w .-]+?) brings ")
_COMMANDS_OF_OTHERS = {"compare": "train", "plan": "train", "estimate": "train", "inference": "infer"}
_UNKNOWN_COMMAND = re.compile(r"No such command '(\w+)'")
_GROUPS = ("search",)
_MENTIONED = re.compile(r"--([\w-]+)")
_LISTED = re.compile(r"; (llmplan list [\w-]+) shows")


def refused(error: Exception, given: Sequence[str]) -> Advice:
    """The error with what would be right, and the command, where one is known to help."""
    line = usage_line(error) if hasattr(error, "format_message") else str(error)
    ways = (_changed(line, given, getattr(error, "instead", None)), _elsewhere(line, given), _told(line, given))
    return Advice(line, next(filter(None, ways), "") or _explained(line))


def _changed(message: str, given: Sequence[str], instead: tuple[str, str] | None) -> str:
    """What was given, with the right word in place of the slip."""
    for pattern in (_COMMAND, _OPTION, _HERE):
        if found := pattern.match(message):
            instead = (found[1], found[2])
    if (found := _UNKNOWN_COMMAND.match(message)) and found[1] in _COMMANDS_OF_OTHERS:
        instead = (found[1], _COMMANDS_OF_OTHERS[found[1]])
    if instead is None:
        return ""
    changed = [_with(word, *instead) for word in given]
    if found and changed[:1] == given[1:2]:  # `compare train`: the command stands there already
        changed = changed[1:]
    return "" if changed == list(given) else shlex.join(("llmplan", *changed))


def _told(message: str, given: Sequence[str]) -> str:
    """A command that the message itself names, or the help of the one that was given."""
    if message.startswith("No such option"):
        words = [word for word in given[: 1 + (given[0] in _GROUPS)] if not word.startswith("-")]
        return shlex.join(("llmplan", *words, "--help"))
    found = _INSTALLS.search(message) or _LISTED.search(message)
    return found[1] if found else ""


def _explained(message: str) -> str:
    """What lists the records that an option takes, or explains the option."""
    known = {option_name(name): option for request in _REQUESTS for name, option in options_of(request).items()}
    looked = (look(message) for look in (_NAMED.match, _MENTIONED.search))
    named = next((found[1] for found in looked if found and found[1] in known), None)
    if named is None or "explain" not in (commands := _commands(registry())):
        return ""
    kind = known[named]["names"]
    return f"llmplan list {kind}" if isinstance(kind, str) and "list" in commands else f"llmplan explain {named}"


@lru_cache(maxsize=1)
def _commands(of: Registry) -> frozenset[str | None]:
    """The names of those that there are, from an app in which the core's own are stubs: only names are looked at."""
    return frozenset(command.name for command in build_app(of, ("explain",)).registered_commands)


def _elsewhere(message: str, given: Sequence[str]) -> str:
    """The same asked of the command that has the option, which answers the same kind of question."""
    found = _ELSEWHERE.match(message)
    if found is None or found[3] not in given[:2]:
        return ""
    words = given[1 + (given[0] in _GROUPS) :]
    changed = [_with(word, found[1], found[4]) for word in words] if found[4] else words
    return shlex.join(("llmplan", *(found[2] or "").split(), found[3], *changed))


def _with(word: str, wrong: str, right: str) -> str:
    """A word of the command line with the right one in place of the slip, also in ``--gpu=a,b``."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    if option == wrong:
        return f"{right}{equals}{value}"
    return f"{option}{equals}{','.join(right if one == wrong else one for one in value.split(','))}"
