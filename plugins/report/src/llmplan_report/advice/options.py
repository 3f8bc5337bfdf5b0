"""What Typer's parser says of a command line that it cannot read, with what would be right."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from typer.main import get_command

from llmplan.catalogues import registry
from llmplan.cli.app import build_app
from llmplan.request import option_name

_PLAIN_WORDS: Mapping[str, str] = {
    "users": "concurrency",
    "batch-size": "batch micro-batch global-batch",
    **dict.fromkeys(("input-len", "input-length", "input-tokens", "prompt-len", "isl"), "prompt-tokens"),
    **dict.fromkeys(("output-len", "output-length", "max-tokens", "max-new-tokens", "osl"), "output-tokens"),
    **dict.fromkeys(("qps", "rps", "request-rate"), "rate"),
    **dict.fromkeys(("num-gpus", "n-gpus", "gpu-count", "world-size", "devices"), "gpus"),
    **dict.fromkeys(("hardware", "accelerator", "device", "gpu-type"), "gpu"),
    **dict.fromkeys(("precision", "quantization", "quant"), "dtype"),
    **dict.fromkeys(("sequence-length", "max-seq-len", "context", "context-length"), "seq-len max-model-len"),
    **dict.fromkeys(("num-nodes", "nnodes", "nodes"), "gpus gpus-per-node"),
    **dict.fromkeys(("num-tokens", "train-tokens", "dataset-size"), "tokens"),
    **dict.fromkeys(("gpu-price", "cost-per-hour"), "price"),
    **dict.fromkeys(("max-cost", "max-price", "cost-limit"), "budget"),
    **dict.fromkeys(("co2", "emissions", "carbon-intensity", "grid"), "carbon"),
    "market": "price-market",
    "region": "price-region",
    **dict.fromkeys(("deadline", "max-time"), "finish-within"),
    **dict.fromkeys(("zero-stage", "sharding-stage"), "zero"),
    **dict.fromkeys(("gradient-checkpointing", "activation-checkpointing"), "recompute"),
}
"""What people call options of ours, whatever program they come from."""
_MOST_NEAR = 3
_LIKE = 0.7
"""Share of letters in common, from which on a word is taken for a slip of another."""
_SHORT = 2
"""Letters that stand in too many options to mean one."""


def usage_line(error: Any) -> str:
    """One line; where the parser has no advice, the help that does."""
    context = getattr(error, "ctx", None)
    if context is not None and hasattr(error, "possibilities"):
        return _no_such_option(error.option_name, context)
    line = " ".join(error.format_message().split())
    parameter = getattr(error, "param", None)
    if parameter is not None and parameter.help and line.startswith("Missing"):
        return f"{line.rstrip('.')}: {parameter.help}"
    if context is None or "?" in line or line.startswith("Option"):
        return line
    return f"{line.rstrip('.')}; {context.command_path} --help shows what there is"


def _no_such_option(name: str, context: Any) -> str:
    known = [flag for option in context.command.params for flag in (*option.opts, *option.secondary_opts)]
    names = [flag.removeprefix("--") for flag in known if flag.startswith("--")]
    wanted = name.lstrip("-").lower()
    meant = _elsewhere(wanted.replace("_", "-"))
    here = [word for word in meant if word in names]
    if here:
        return f"No such option: {name}; here it is --{' or --'.join(here)}"
    asked = {wanted, *meant}
    every = dict(_options_of_commands(get_command(build_app(registry(), ()))))
    nearest = sorted(every, key=lambda command: not f" {command}".endswith(f" {context.info_name}"))
    owner = next((one for one in nearest if asked & every[one]), None)
    near = [] if owner else _near(wanted, names)
    advice = [
        f"did you mean --{' or --'.join(near)}?" if near else "",
        f"llmplan {owner} has {f'it, as --{meant[0]}' if meant else 'it'}" if owner else "",
        "" if near or owner else f"{context.command_path} --help lists them",
    ]
    return "; ".join([f"No such option: {name}", *filter(None, advice)])


def _options_of_commands(command: Any, path: str = "") -> Iterator[tuple[str, set[str]]]:
    """Each command of a group, and of the groups in it, by its words, with its options without dashes."""
    for name, one in getattr(command, "commands", {}).items():
        words = f"{path} {name}".lstrip()
        yield words, {flag.lstrip("-") for option in one.params for flag in (*option.opts, *option.secondary_opts)}
        yield from _options_of_commands(one, words)


def _elsewhere(word: str) -> list[str]:
    """Options of ours that this word is another program's for, as its launcher says, or people's."""
    if word in _PLAIN_WORDS:
        return _PLAIN_WORDS[word].split()
    found = []
    for _, _, launcher in registry().launchers.entries():
        said = {key.strip("-").replace("_", "-"): ours for key, ours in launcher.words.items()}
        found += [option_name(said[word])] if word in said else []
    return list(dict.fromkeys(found))


def _near(wanted: str, names: list[str]) -> list[str]:
    """Options that hold the word, are spelt like it, or begin alike."""
    holding = [name for name in names if len(wanted) > _SHORT and wanted in name]
    beginning = [name for name in names if name.startswith(wanted.partition("-")[0])]
    return (holding or get_close_matches(wanted, names, cutoff=_LIKE) or beginning)[:_MOST_NEAR]
