"""Shell scripts: flags written out, and flags found in scripts that others wrote."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ASSIGNMENT = r"^\s*(?:export\s+|local\s+)?([A-Za-z_]\w*)=(?!\()(.*)$"
_VARIABLE = r"\$\{(\w+)(?::?-([^{}]*))?\}|\$(\w+)"
_ARITHMETIC = r"\$\(\(\s*(\d+)\s*([*/+-])\s*(\d+)\s*\)\)"
_OF_YAML = {"true": True, "false": False}
"""Words behind a colon."""
_LONGEST = 4_096
"""Letters of a value, and of a line in which variables are looked for: each may stand for many others."""
_DIGITS = 18
"""Of numbers that are computed with."""
_DEEPEST = 10
"""Variables that stand for variables."""


def flag_lines(keys: Mapping[str, Any], indent: str = "  ") -> str:
    """A line for each flag: those that are true alone, those that are false not at all, lists word by word."""
    lines = []
    for key, value in keys.items():
        if value is False or value is None:
            continue
        words = value if isinstance(value, list) else [value]
        lines.append(f"{indent}{key}" if value is True else f"{indent}{key} {' '.join(map(_quoted, words))}")
    return "".join(f"{line}\n" for line in lines)


def _quoted(value: Any) -> str:
    if isinstance(value, float) and value == int(value):
        value = int(value)
    text = str(value)
    # a variable of the script stays one
    return text if re.fullmatch(r'"\$\{?\w+\}?"', text) else shlex.quote(text)


def joined(program: str, keys: Mapping[str, Any]) -> str:
    """Write one command over several lines."""
    return " \\\n".join([program, *flag_lines(keys).rstrip("\n").split("\n")]) + "\n"


def flags(text: str) -> dict[str, Any]:
    """Every ``--flag`` of a script with its value, True where it has none; later ones win, as they do in programs."""
    found: dict[str, Any] = {}
    words = list(_words(text))
    for position, word in enumerate(words):
        if not re.match(r"--[A-Za-z]", word):
            continue
        name, equals, value = word.partition("=")
        following = words[position + 1] if position + 1 < len(words) else "--"
        said = value if equals else True if _ends(following) else following
        if name.endswith(":"):
            said = _OF_YAML.get(str(said).lower(), said)
        if said is not False:
            found[name.rstrip(":")] = said
    return found


def positional(text: str, program: Sequence[str]) -> str | None:
    """The word behind the words of a command, as the model of ``vllm serve MODEL``."""
    words = list(_words(text))
    for start in range(len(words)):
        if words[start : start + len(program)] == list(program):
            following = words[start + len(program) :]
            return following[0] if following and not following[0].startswith("-") else None
    return None


def _ends(word: str) -> bool:
    """Whether a word is no value: the next flag, the end of an array or of a command."""
    return bool(re.match(r"-[A-Za-z-]", word)) or word in (")", "(", "|", "&&", "&", ";", "--", "\\")


def _words(text: str) -> Iterator[str]:
    """Words of all commands, variables replaced where the script itself gives them a value; lines end in ``;``."""
    lines = re.sub(r"\\\r?\n", " ", text.replace("#SBATCH ", "")).splitlines()
    values: dict[str, str] = {}
    for line in lines:
        assigned = re.match(_ASSIGNMENT, line)
        if assigned:
            values[assigned[1]] = _plain(_expanded(assigned[2], values))[:_LONGEST]
    for line in lines:
        yield from (part for word in _split(_expanded(line, values)) for part in _parts(word))
        yield ";"


def _split(line: str) -> list[str]:
    """The words of a line; of one in which a quote stays open, quotes are spaces."""
    line = re.sub(r"""(?<=[\w"'}])\)\s*$""", " )", line)  # the end of an array is no part of its last word
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.partition(" #")[0].replace('"', " ").replace("'", " ").split()


def _parts(word: str) -> Iterator[str]:
    """Of an assignment the flags of its value, of a quoted list of flags each."""
    assigned = re.match(r"^[A-Za-z_]\w*\+?=\(?(.*)$", word, re.DOTALL)
    value = assigned[1] if assigned else word
    if " --" in value or (value.startswith("--") and (assigned or " " in value)):
        yield from value.split()
    elif not assigned:
        yield value


def _plain(value: str) -> str:
    try:
        words = shlex.split(value, comments=True)
    except ValueError:
        return value.strip("\"' ")
    return " ".join(words)


def _expanded(text: str, values: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        return values.get(name) or (match[2] if match[2] is not None else match[0])

    for _ in range(_DEEPEST if len(text) <= _LONGEST else 0):
        before = text
        # names need no dollar inside arithmetic
        text = re.sub(r"(\$\(\([^)]*)", lambda match: re.sub(r"(?<![\w$])([A-Za-z_]\w*)", r"$\1", match[1]), text)
        text = re.sub(_ARITHMETIC, _computed, re.sub(_VARIABLE, replace, text))
        if text == before:
            break
    return text


def _computed(match: re.Match[str]) -> str:
    if max(len(match[1]), len(match[3])) > _DIGITS:
        return match[0]
    left, right = int(match[1]), int(match[3])
    if match[2] == "/":
        return str(left // right) if right else match[0]
    return str({"*": left * right, "+": left + right, "-": left - right}[match[2]])
