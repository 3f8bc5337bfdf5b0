"""What a user may ask for: every option of a command, once, for the command line, plan files and Python alike.

A request holds only what was given; the planner fills in the rest and says what it assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, fields, frozen

from llmplan.errors import BadInputError
from llmplan.records import FAMILIES, Recompute, Schedule, Tuning, Variation
from llmplan.units import parse_number

_LARGEST = 1e27
"""Beyond any plan; products of such numbers stay finite."""
_WIDEST_BITS = 64
_SECONDS_OF = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SECONDS_OF_RATE = {"s": 1.0, "min": 60.0, "h": 3600.0}
_FAMILY_WORDS = ", ".join(f"{family.name}:CV" if family.most_cv else family.name for family in FAMILIES.values())
_WORDS = {"true": True, "yes": True, "false": False, "no": False}


def option_name(field_name: str) -> str:
    """The field as people write it: ``micro_batch`` -> ``micro-batch``."""
    return field_name.replace("_", "-")


def _refuse(name: str, value: Any, wanted: str) -> BadInputError:
    return BadInputError(f"{option_name(name)}: {value!r} is not {wanted}")


def _to_float(value: Any, name: str, wanted: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _refuse(name, value, wanted)
    try:
        number = parse_number(value) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        raise _refuse(name, value, wanted) from None
    if not abs(number) <= _LARGEST:
        raise _refuse(name, value, wanted)
    return number


def _whole(smallest: int, largest: int | None = None, or_else: str = "") -> Callable[[Any, str], int]:
    wanted = f"a whole number of at least {smallest}" if largest is None else f"a whole number, {smallest} to {largest}"
    wanted += or_else and f", or {or_else}"

    def convert(value: Any, name: str) -> int:
        if type(value) is int and largest is None and value >= smallest:
            return value
        number = _to_float(value, name, wanted)
        if number != int(number) or number < smallest or (largest is not None and number > largest):
            raise _refuse(name, value, wanted)
        return int(number)

    return convert


def _positive(value: Any, name: str) -> float:
    number = _to_float(value, name, wanted := "a positive number, like 1.4e12 or 1.4T")
    if number <= 0:
        raise _refuse(name, value, wanted)
    return number


def _bits(value: Any, name: str) -> float:
    number = _to_float(value, name, wanted := "a number of bits, above 0 and at most 64")
    if not 0 < number <= _WIDEST_BITS:
        raise _refuse(name, value, wanted)
    return number


def _not_negative(value: Any, name: str) -> float:
    number = _to_float(value, name, wanted := "a number of at least 0")
    if number < 0:
        raise _refuse(name, value, wanted)
    return number


def _fraction(value: Any, name: str) -> float:
    number = _to_float(value, name, wanted := "a fraction above 0 and at most 1")
    if not 0 < number <= 1:
        raise _refuse(name, value, wanted)
    return number


def _flag(value: Any, name: str) -> bool:
    if isinstance(value, str):
        value = _WORDS.get(value.lower(), value)
    if not isinstance(value, bool):
        raise _refuse(name, value, "true or false")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _refuse(name, value, "a name")
    return value.strip()


def _record_or_name(value: Any, name: str) -> Any:
    return _text(value, name) if isinstance(value, str) else value


def _word(words: Mapping[str, Any]) -> Callable[[Any, str], Any]:
    """One of the words, or what it stands for."""

    def convert(value: Any, name: str) -> Any:
        if isinstance(value, str) and value in words:
            return words[value]
        for meaning in words.values():
            if value is meaning:
                return meaning
        raise _refuse(name, value, f"one of {', '.join(words)}")

    return convert


def _share(value: Any, name: str) -> float:
    number = _to_float(value, name, wanted := "a fraction of at least 0 and below 1")
    if not 0 <= number < 1:
        raise _refuse(name, value, wanted)
    return number


_OBJECTIVES = {word: word for word in ("time", "cost", "gpu-hours", "energy", "gpus", "memory")}


_SERVING_OBJECTIVES = {word: word for word in ("throughput", "cost", "gpus")}
_PERCENTILES = (50, 90, 95, 99)


def _percentile(value: Any, name: str) -> int:
    number = _to_float(value, name, wanted := f"one of {', '.join(map(str, _PERCENTILES))}")
    if number not in _PERCENTILES:
        raise _refuse(name, value, wanted)
    return int(number)


def _figures(value: Any, name: str) -> tuple[str, ...]:
    """Two or more objectives, as a list or with commas between them."""
    words = [word.strip() for word in value.split(",")] if isinstance(value, str) else list(value)
    chosen = tuple(dict.fromkeys(_word(_OBJECTIVES)(word, name) for word in words))
    if len(chosen) == 1:
        raise BadInputError(f"{option_name(name)}: {chosen[0]} alone has no frontier; give two, like time,gpus")
    return chosen


_MODES = {mode.label: mode for mode in Recompute}
_SCHEDULES = {schedule.label: schedule for schedule in Schedule}
_TUNINGS = {tuning.value: tuning for tuning in Tuning}
OFFLOADS = ("none", "optimizer", "activations", "all")
_OFFLOADS = {word: word for word in OFFLOADS}


def _auto_or_whole(value: Any, name: str) -> int | str:
    return "auto" if value == "auto" else _whole(1, or_else="auto")(value, name)


def _at_least_one(value: Any, name: str) -> float:
    number = _to_float(value, name, wanted := "a number of at least 1")
    if number < 1:
        raise _refuse(name, value, wanted)
    return number


def _seconds(convert: Callable[[Any, str], float]) -> Callable[[Any, str], float]:
    """The same of a time: ``1800``, ``30m`` or ``0.5h``; m are minutes, where M stays a million."""

    def in_seconds(value: Any, name: str) -> float:
        text = value.strip() if isinstance(value, str) else ""
        unit = next((unit for unit in _SECONDS_OF if text.endswith(unit)), None)
        if unit is None:
            return convert(value, name)
        try:
            return convert(float(text.removesuffix(unit)) * _SECONDS_OF[unit], name)
        except ValueError:  # and BadInputError, which is one
            raise _refuse(name, value, "a time in seconds, or like 500ms, 90s, 30m, 1.5h or 1d") from None

    return in_seconds


def _rate(value: Any, name: str) -> float:
    """Requests a second."""
    wanted = "a rate like 2/s, 90/min or 5000/h"
    number, slash, unit = value.partition("/") if isinstance(value, str) else (value, "", "s")
    seconds = _SECONDS_OF_RATE.get(unit.strip() if slash or not isinstance(value, str) else "s")
    if seconds is None:
        raise _refuse(name, value, wanted)
    try:
        return _positive(number, name) / seconds
    except BadInputError:
        raise _refuse(name, value, wanted) from None


def _variation(value: Any, name: str) -> Variation:
    """``uniform:0.3``: a family of distributions and its coefficient of variation."""
    if isinstance(value, Variation):
        return value
    word, colon, cv = value.partition(":") if isinstance(value, str) else ("", "", "")
    family = FAMILIES.get(word.strip())
    if family is None or bool(colon) != (family.most_cv > 0):
        raise _refuse(name, value, f"one of {_FAMILY_WORDS}")
    number = _positive(cv, name) if colon else 0.0
    if number > family.most_cv:
        raise _refuse(name, value, f"a {family.name} distribution: its cv is at most {family.most_cv:.3g}")
    return Variation(family, number)


def _option(
    help_text: str,
    convert: Callable[[Any, str], Any],
    *,
    metavar: str = "N",
    names: str | Callable[[], list[str]] | None = None,
    every: bool = False,
    listed: bool = False,
) -> Any:
    """A field that is None until given. `names` is the kind of record, or the words, that completion offers.

    A range of its values is `every` whole number, or else doubles; a `word` has no ranges; a `listed` option is a list
    itself.
    """
    metadata = {"help": help_text, "convert": convert, "metavar": metavar, "names": names, "every": every}
    word = names is not None or convert in (_flag, _text, _variation)
    return field(default=None, metadata={**metadata, "flag": convert is _flag, "word": word, "listed": listed})


@frozen(kw_only=True, eq=False, repr=False)
class _Options:
    """Options that are checked as they are given."""

    def __attrs_post_init__(self) -> None:
        # one loop over what is given: a converter for each of 28 fields costs 4 ms at every start
        for name, convert in _CONVERTERS[type(self)]:
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, convert(value, name))


@frozen(kw_only=True, eq=False, repr=False)
class _Request(_Options):
    """What training and inference have in common."""

    model: Any = _option("Model, by name or as a TOML file.", _record_or_name, metavar="NAME", names="models")
    gpu: Any = _option("Accelerator, by name or as a TOML file.", _record_or_name, metavar="NAME", names="gpus")
    dtype: Any = _option("Bits of weights, activations, embeddings.", _record_or_name, metavar="NAME", names="dtypes")
    gpus: int | None = _option("Accelerators in all: tp x cp x pp x dp.", _whole(1))
    tp: int | None = _option("Tensor parallel size.", _whole(1))
    pp: int | None = _option("Pipeline parallel size.", _whole(1), every=True)
    dp: int | None = _option("Data parallel size.", _whole(1))
    sequence_parallel: bool | None = _option("Split norms and residuals over tp too.", _flag)
    flops_efficiency: float | None = _option("FLOP/s that kernels reach, of the peak.", _fraction, metavar="FRACTION")
    hbm_efficiency: float | None = _option("Memory bandwidth reached, of the peak.", _fraction, metavar="FRACTION")
    scale_up_efficiency: float | None = _option("Scale-up bandwidth reached.", _fraction, metavar="FRACTION")
    scale_out_efficiency: float | None = _option("Scale-out bandwidth reached.", _fraction, metavar="FRACTION")
    cost_model: Any = _option("Cost model.", _record_or_name, metavar="NAME", names="cost-models")
    price_per_gpu_hour: float | None = _option("Price of one accelerator-hour.", _not_negative, metavar="PRICE")


@frozen(kw_only=True, eq=False, repr=False)
class TrainRequest(_Request):
    """Options of a training plan; None is what was not given."""

    cp: int | None = _option("Context parallel size: ranks that share each sequence.", _whole(1))
    ep: int | None = _option("Expert parallel size, inside dp x cp.", _whole(1))
    vpp: int | None = _option("Chunks of layers on each pipeline stage (interleaved schedule).", _whole(1), every=True)
    schedule: Schedule | None = _option(
        f"Pipeline schedule: {', '.join(_SCHEDULES)}.",
        _word(_SCHEDULES),
        metavar="NAME",
        names=lambda: list(_SCHEDULES),
    )
    zero: int | None = _option("ZeRO stage: 0, 1, 2 or 3.", _whole(0, 3), every=True)
    zero_group: int | None = _option("Ranks that ZeRO divides over; all of dp x cp by default.", _whole(1))
    micro_batch: int | None = _option("Sequences that one pipeline takes in at once.", _whole(1))
    max_micro_batch: int | str | None = _option(
        "The largest micro-batch that fits, up to N or, with auto, any.", _auto_or_whole, metavar="N|auto"
    )
    gradient_accumulation: int | None = _option("Micro-batches of one pipeline in one iteration.", _whole(1))
    global_batch: int | None = _option("Sequences of one iteration.", _whole(1))
    global_batch_tokens: float | None = _option("Tokens of one iteration, instead of --global-batch.", _positive)
    seq_len: int | None = _option("Tokens of one sequence.", _whole(1))
    tokens: float | None = _option("Training tokens in all: 1.4e12 or 1.4T.", _positive)
    recompute: Recompute | None = _option(
        f"What backward computes again: {', '.join(_MODES)}.",
        _word(_MODES),
        metavar="MODE",
        names=lambda: list(_MODES),
    )
    framework: Any = _option(
        "Program that trains: kernels, overlap, host time.", _record_or_name, metavar="NAME", names="frameworks"
    )
    optimizer: Any = _option("Optimizer.", _record_or_name, metavar="NAME", names="optimizers")
    master_weights: bool | None = _option("The optimizer keeps weights in 32 bits too.", _flag)
    gradient_bits: float | None = _option("Bits of gradients as they accumulate.", _bits)
    tuning: Tuning | None = _option(
        f"Which weights are trained: {', '.join(_TUNINGS)}.",
        _word(_TUNINGS),
        metavar="NAME",
        names=lambda: list(_TUNINGS),
    )
    lora_rank: int | None = _option("Rank of the LoRA matrices.", _whole(1))
    offload: str | None = _option(
        f"What waits in host memory: {', '.join(_OFFLOADS)}.",
        _word(_OFFLOADS),
        metavar="WHAT",
        names=lambda: list(_OFFLOADS),
    )
    expert_imbalance: float | None = _option(
        "Tokens of the busiest expert parallel rank, against the mean.", _at_least_one, metavar="TIMES"
    )
    mfu: float | None = _option(
        "Model FLOPs utilisation of the whole run, instead of the efficiencies.", _fraction, metavar="FRACTION"
    )
    failures_per_gpu_day: float | None = _option(
        "Failures of the run, for each GPU and day: the wall clock with them. Llama 3 405B had 419 unexpected "
        "interruptions in 54 days on 16,384 GPUs = 4.7e-4 (arXiv:2407.21783, table 5).",
        _positive,
        metavar="RATE",
    )
    checkpoint_seconds: float | None = _option(
        "Time that saving a checkpoint stops the run: 45 or 1.5m.", _seconds(_positive), metavar="SECONDS"
    )
    checkpoint_gb_per_s: float | None = _option(
        "Storage bandwidth of the whole run, instead of --checkpoint-seconds.", _positive, metavar="GB/S"
    )
    checkpoint_interval: float | None = _option(
        "Training between checkpoints: 1800, 30m or 0.5h; the Young/Daly optimum by default.",
        _seconds(_positive),
        metavar="SECONDS",
    )
    restart_seconds: float | None = _option(
        "From a failure until training goes on: 600 or 10m.", _seconds(_not_negative), metavar="SECONDS"
    )
    pue: float | None = _option(
        "Energy of the data center / energy of the GPUs; 1 by default.", _at_least_one, metavar="FACTOR"
    )


@frozen(kw_only=True, eq=False, repr=False)
class InferRequest(_Request):
    """Options of an inference plan; None is what was not given."""

    batch: int | None = _option("Sequences that one replica answers at once.", _whole(1))
    prompt_tokens: int | None = _option("Tokens of a prompt.", _whole(1))
    output_tokens: int | None = _option("Tokens of an answer.", _whole(1))
    kv_bits: float | None = _option("Bits of a KV cache element; those of activations by default.", _bits)
    max_batch: bool | None = _option("As many sequences as fit into memory, instead of --batch.", _flag)
    max_context: bool | None = _option("Prompts as long as fit into memory, instead of --prompt-tokens.", _flag)
    ep: int | None = _option("Expert parallel size, inside tp x dp.", _whole(1))
    engine: Any = _option(
        "Program that serves: kernels, host time, memory, batching.", _record_or_name, metavar="NAME", names="engines"
    )
    cuda_graphs: bool | None = _option("Launch the steps of decoding whole; as the engine does by default.", _flag)
    rate: float | None = _option("Requests that come: 2/s, 90/min or 5000/h.", _rate, metavar="RATE")
    concurrency: int | None = _option("Users, each with one request at a time, instead of --rate.", _whole(1))
    trace: str | None = _option(
        "Requests, instead of --rate: columns arrival_seconds, prompt_tokens, output_tokens.",
        _text,
        metavar="FILE.csv",
    )
    prompt_lengths: Variation | None = _option(
        f"How prompts vary around --prompt-tokens: {_FAMILY_WORDS}.", _variation, metavar="SHAPE"
    )
    output_lengths: Variation | None = _option(
        "How answers vary around --output-tokens: the same.", _variation, metavar="SHAPE"
    )
    requests: int | None = _option("Requests that a simulation counts; 0 for none.", _whole(0))
    seed: int | None = _option("Of the simulation.", _whole(0))
    step_tokens: int | None = _option("Tokens of one step: those of prompts and of what decodes.", _whole(1))
    chunked_prefill: bool | None = _option("Cut prompts to fill steps beside what decodes.", _flag)
    max_sequences: int | None = _option("Sequences that one replica works on at once.", _whole(1))
    prefix_hit_rate: float | None = _option(
        "Share of prompt tokens that the prefix cache holds.", _fraction, metavar="FRACTION"
    )
    speculative_tokens: int | None = _option("Tokens that a draft proposes at a time.", _whole(1))
    acceptance_rate: float | None = _option("Of a proposed token.", _fraction, metavar="FRACTION")
    draft_model: Any = _option("Model that proposes; free without.", _record_or_name, metavar="NAME", names="models")
    prefill_replicas: int | None = _option("Replicas that only read prompts, beside the dp that decode.", _whole(1))
    prefill_tp: int | None = _option("Tensor parallel size of these; as the others.", _whole(1))
    prefill_pp: int | None = _option("Pipeline parallel size of these; as the others.", _whole(1), every=True)


LOADS = ("rate", "concurrency", "trace")
"""Options each of which makes a server under load of a plan."""
_NAMES = [attribute.name for attribute in fields(InferRequest)]
SERVER_OPTIONS = tuple(_NAMES[_NAMES.index(LOADS[-1]) + 1 :])
"""Options that mean something beside one of these."""


def of_server(request: InferRequest) -> bool:
    """Whether the request asks for a server under a load, or for something of one."""
    return any(getattr(request, name) is not None for name in (*LOADS, *SERVER_OPTIONS))


@frozen(kw_only=True, eq=False, repr=False)
class SearchRequest(_Options):
    """What a search looks for; None is what was not given."""

    objective: str | None = _option(
        f"What is to be least: {', '.join(_OBJECTIVES)}.",
        _word(_OBJECTIVES),
        metavar="NAME",
        names=lambda: list(_OBJECTIVES),
    )
    pareto: Any = _option(
        "Figures of which the frontier is shown, like time,gpus.", _figures, metavar="NAME,NAME", listed=True
    )
    finish_within: float | None = _option(
        "Longest that the run may take: 30d, 12h or seconds.", _seconds(_positive), metavar="TIME"
    )
    budget: float | None = _option("Most that the run may cost: 2M.", _positive, metavar="MONEY")
    memory_headroom: float | None = _option(
        "Share of memory that has to stay free; 0.05 by default.", _share, metavar="FRACTION"
    )
    top: int | None = _option("How many of the best plans are shown; 10 by default.", _whole(1, 10_000))
    prune: bool | None = _option("Leave out what bounds show cannot fit or win; by default.", _flag)


@frozen(kw_only=True, eq=False, repr=False)
class InferSearchRequest(_Options):
    """What a search for a server looks for; None is what was not given."""

    objective: str | None = _option(
        f"{', '.join(_SERVING_OBJECTIVES)}: most tokens/s a GPU, least price of a token, fewest GPUs for --rate.",
        _word(_SERVING_OBJECTIVES),
        metavar="NAME",
        names=lambda: list(_SERVING_OBJECTIVES),
    )
    ttft: float | None = _option(
        "Longest time to the first token, waiting included: 500ms or 0.5s.", _seconds(_positive), metavar="TIME"
    )
    tpot: float | None = _option("Longest time per output token after it: 50ms.", _seconds(_positive), metavar="TIME")
    latency: float | None = _option("Longest time of a whole answer: 10s.", _seconds(_positive), metavar="TIME")
    percentile: int | None = _option(
        "Of requests that have to be as fast as that, 50, 90, 95 or 99; without, they are on average.",
        _percentile,
        metavar="PERCENT",
    )
    top: int | None = _option("How many of the best plans are shown; 5 by default.", _whole(1, 100))
    prune: bool | None = _option("Leave out what one user alone shows to be too slow; by default.", _flag)


_CONVERTERS: Mapping[type, list[tuple[str, Callable[[Any, str], Any]]]] = {
    request: [(attribute.name, attribute.metadata["convert"]) for attribute in fields(request)]
    for request in (TrainRequest, InferRequest, SearchRequest, InferSearchRequest)
}


def options_of(request: type[_Options]) -> Mapping[str, Mapping[str, Any]]:
    """The options of a kind of request in order, each with its help, metavar and names to complete."""
    return {attribute.name: attribute.metadata for attribute in fields(request)}


def given_options(request: _Options) -> dict[str, Any]:
    """What was given, in the words and numbers of a plan file; a record by its name."""
    given = {attribute.name: getattr(request, attribute.name) for attribute in fields(type(request))}
    return {name: _in_words(value) for name, value in given.items() if value is not None}


def _in_words(value: Any) -> Any:
    if isinstance(value, (Recompute, Schedule)):
        return value.label
    if isinstance(value, Tuning):
        return value.value
    return value if isinstance(value, (bool, int, float, str)) else value.name
