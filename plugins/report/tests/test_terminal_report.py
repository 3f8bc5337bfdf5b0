"""The report for people: readable at every width, plain where it is piped, and honest about what does not fit."""

from __future__ import annotations

import io
import re
import sys

import pytest
from attrs import evolve

from llmplan import infer, registry, train
from llmplan.estimate import InferenceEstimate, TrainingEstimate
from llmplan.output.document import document
from llmplan.output.words import count, gib, seconds
from llmplan.records import Tuning
from llmplan.search import InferenceSpace, TrainingSpace, search
from llmplan.units import GIB
from llmplan_report.terminal.report import forward_pass, report, report as as_table
from llmplan_report.terminal.search_report import search_markdown, search_report
from llmplan_report.words import dotted, money, percent

TRAINING = train(
    model="llama-33b", gpu="h100-sxm-80gb", gpus=64, tp=8, pp=8, dtype="w4a4e16", cost_model="roofline",
    sequence_parallel=True, price_per_gpu_hour=2.5,
)  # fmt: skip
"""With every section: warnings, and names as long as they get."""
SERVING = infer(model="llama-2-70b", gpu="a100-sxm-80gb", tp=4, pp=1, batch=8, cost_model="roofline")
TOO_LARGE = train(model="llama-65b", gpu="a100-sxm-80gb", gpus=8, tp=8, pp=1, cost_model="roofline")
AT_MFU = train(model="llama-65b", gpu="a100-sxm-80gb", gpus=2048, tp=8, pp=1, mfu=0.4, cost_model="roofline")
ALL = {"training": TRAINING, "serving": SERVING, "too large": TOO_LARGE, "at an MFU": AT_MFU}
SECTIONS = ("cost ", "fits ", "Plan", "Figures", "Memory of the fullest GPU: ", "Assumed", "Next")
BLOCKS = "█▉▊▋▌▍▎▏▐▕"
ESCAPE = "\x1b"
COLOUR = re.compile(r"\x1b\[[0-9;]*\b(?:3[0-7]|9[0-7]|38|4[0-7]|48)(?:;|m)")

Estimate = TrainingEstimate | InferenceEstimate


class Terminal(io.StringIO):
    """Standard output that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """Whether somebody looks at it."""
        return True


RENDERED: dict[object, str] = {}
"""Reports by estimate, width and kind of terminal; the same ones are looked at in many tests."""


@pytest.fixture
def at(monkeypatch):
    """The report as it is piped at a width, or as a terminal shows it."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    def rendered(estimate: Estimate, width: int = 80, *, terminal: bool = False, **environment: str) -> str:
        key = (estimate, width, terminal, *environment.items())
        if key not in RENDERED:
            with monkeypatch.context() as patch:
                patch.setenv("COLUMNS", str(width))
                patch.setenv("LINES", "50")
                patch.setenv("TERM", "xterm-256color")
                for name, value in environment.items():
                    patch.setenv(name, value)
                patch.setattr(sys, "stdout", Terminal() if terminal else io.StringIO())
                RENDERED[key] = as_table(estimate)
        return RENDERED[key]

    return rendered


def in_words(text: str) -> str:
    """The text without its line breaks."""
    return " ".join(text.split())


@pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)
@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_longer_than_the_terminal(at, estimate, width):
    """If it fails, lines wrap in the middle of a number."""
    text = at(estimate, width)
    assert max(len(line) for line in text.split("\n")) <= width
    assert all(section in in_words(text) for section in SECTIONS)


@pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)
@pytest.mark.parametrize("width", [40, 80, 200])
def test_nothing_is_cut_off(at, estimate, width):
    """If it fails, a narrow terminal shows 27.5… for 27.5 %."""
    assert "…" not in at(estimate, width)


@pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)
def test_no_number_is_in_exponents(at, estimate):
    """If it fails, people read 1.603e+04 days."""
    text = at(estimate, 200)
    assert re.findall(r"\d\.?\d*e[+-]\d+", text.partition("Assumed")[0]) == []


def test_large_totals_are_in_plain_digits(at):
    """If it fails, a long run takes "1.603e+04 days", and a fast deployment makes "2.104e+04 tokens/s"."""
    long_run = train(model="llama-7b", gpu="t4", gpus=1, tp=1, pp=1, cost_model="roofline", flops_efficiency=0.5)
    fast = infer(model="llama-7b", gpu="h100-sxm-80gb", tp=1, pp=1, dp=8, batch=64, cost_model="roofline")
    for estimate in (long_run, fast):
        assert "e+" not in at(estimate, 200).partition("Assumed")[0]


@pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)
def test_it_is_plain_where_it_is_piped(at, estimate):
    """If it fails, a file or a pager shows escape codes."""
    assert ESCAPE not in at(estimate)
    assert ESCAPE not in at(estimate, NO_COLOR="1")
    assert ESCAPE not in report(estimate, width=100)


def test_a_terminal_gets_colour(at):
    """If it fails, the bars and the warning that it does not fit look like everything else."""
    assert COLOUR.search(at(TOO_LARGE, terminal=True))
    assert COLOUR.search(at(TOO_LARGE, FORCE_COLOR="1"))


def test_no_colour_is_no_colour(at):
    """If it fails, NO_COLOR is ignored."""
    for estimate in ALL.values():
        assert not COLOUR.search(at(estimate, terminal=True, NO_COLOR="1"))
        assert not COLOUR.search(at(estimate, FORCE_COLOR="1", NO_COLOR="1"))
    assert ESCAPE not in at(TRAINING, terminal=True, TERM="dumb")


@pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)
def test_words_are_the_same_at_every_width_and_in_colour(at, estimate):
    """If it fails, a narrow terminal or a pipe hides something that others are told."""

    def words(text: str) -> str:
        plain = re.sub(rf"\x1b\[[0-9;]*m|[{BLOCKS}·\\]", "", text)
        told, _, rest = plain.partition("\nAssumed (")
        return "".join((told + rest.partition("\n\n")[2]).split())

    wide = words(at(estimate, 200))
    assert wide == words(at(estimate)) == words(at(estimate, 200, terminal=True))


@pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)
@pytest.mark.parametrize("width", [80, 100])
def test_the_answer_stands_first_and_in_five_lines(at, estimate, width):
    """If it fails, who has to decide reads on below the first screen, or misses whether it fits."""
    answer = at(estimate, width).partition("\n\n")[0].split("\n")
    assert len(answer) <= 5
    assert answer[0].startswith(f"{estimate.plan.model.name} on {estimate.plan.layout.gpus:,} x ")
    assert {"cost", "fits"} <= {line.split()[0] for line in answer[1:]}
    assert ("does not fit" in answer[0]) == (not estimate.feasible)


@pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)
def test_assumptions_take_five_lines_and_all_of_them_with_sources(at, estimate):
    """If it fails, calibration pushes the answer off the screen, or somebody asks for sources and gets some."""
    for width in (60, 80, 200):
        brief = at(estimate, width).partition("\nAssumed (")[2].partition("\n\n")[0].split("\n")[1:]
        assert 1 <= len(brief) <= 5
    for assumed in estimate.plan.assumptions:
        assert in_words(assumed) in in_words(report(estimate, 60, sources=True))


@pytest.mark.parametrize(
    ("estimate", "heading", "breakdown"),
    [
        (TRAINING, "Time of", TRAINING.time_breakdown),
        (TRAINING, "Memory", TRAINING.memory_breakdown),
        (TOO_LARGE, "Memory", TOO_LARGE.memory_breakdown),
        (SERVING, "Prefill", SERVING.prefill_breakdown),
        (SERVING, "Decode", SERVING.decode_breakdown),
        (SERVING, "Memory", SERVING.memory_breakdown),
    ],
)
def test_bars_grow_with_the_share(at, estimate, heading, breakdown):
    """If it fails, the picture says something else than the numbers beside it."""
    section = at(estimate, 200).partition(f"\n{heading}")[2].split("\n\n")[0].split("\n")[1:]
    lines = {line.split()[0]: line for line in section if line}
    breakdown = {part: value for part, value in breakdown.items() if value}
    assert list(lines)[: len(breakdown)] == list(breakdown)
    total = sum(breakdown.values())
    whole = max(total, estimate.memory_capacity_bytes) if heading == "Memory" else total
    for part, value in breakdown.items():
        drawn = sum(lines[part].count(block) for block in BLOCKS)
        assert abs(drawn - 40 * value / whole) < 2  # a bar starts and ends inside a character
        assert percent(value / whole) in lines[part]


def test_bars_of_a_whole_fill_the_width_once(at):
    """If it fails, parts that make up the whole leave a gap or run over each other."""
    section = at(TRAINING, 200).partition("\nTime of")[2].split("\n\n")[0].split("\n")[1:]
    starts = [min(line.index(block) for block in BLOCKS if block in line) for line in section]
    ends = [max(line.rindex(block) for block in BLOCKS if block in line) for line in section]
    assert all(abs(start - end) <= 1 for start, end in zip(starts[1:], ends, strict=False))
    assert 39 <= ends[-1] - starts[0] <= 40


def test_a_narrow_terminal_gets_no_bars(at):
    """If it fails, bars of three characters push the numbers off the screen."""
    assert not any(block in at(TRAINING, 40) for block in BLOCKS)
    assert any(block in at(TRAINING, 80) for block in BLOCKS)


def test_room_left_is_shown(at):
    """If it fails, the reader has to subtract."""
    used, capacity = TRAINING.memory_bytes_per_gpu, TRAINING.memory_capacity_bytes
    assert f"{gib(used)} of {gib(capacity)}, {gib(capacity - used)} free" in at(TRAINING)


def test_an_excess_is_shown_as_such(at):
    """If it fails, a plan that cannot run looks like one that can."""
    used, capacity = TOO_LARGE.memory_bytes_per_gpu, TOO_LARGE.memory_capacity_bytes
    assert used > capacity
    text = at(TOO_LARGE)
    assert f"{gib(used)} of {gib(capacity)}, {gib(used - capacity)} too much" in text
    assert " free" not in text
    assert re.search(r"\x1b\[1;31mMemory", at(TOO_LARGE, terminal=True))


def test_every_figure_of_training_is_there(at):
    """If it fails, the report lacks a total that the issue promises: days, GPU-hours, cost, utilisation."""
    text = in_words(at(TRAINING, 200))
    assert f"{seconds(TRAINING.training_seconds)} on 64 GPUs" in text
    assert f"GPU-hours {TRAINING.gpu_hours:,.0f}" in text
    assert f"cost {TRAINING.cost:,.0f} at 2.5 a GPU-hour" in text
    mfu = f"MFU {percent(TRAINING.mfu)}, {percent(TRAINING.mfu_causal)} causal, HFU {percent(TRAINING.hfu)}"
    assert f"{mfu} of 1,979 TOP/s int8" in text
    assert "priced by cost model roofline, w4a4e16, multiplications in int8" in text
    assert "layout tp 8 · pp 8 · dp 1 · sequence parallel · ZeRO 0" in text
    assert f"framework {TRAINING.plan.framework.name} optimizer {TRAINING.plan.optimizer.name} · gradients in" in text
    for breakdown in (TRAINING.time_breakdown, TRAINING.memory_breakdown):
        assert all(part in text for part, value in breakdown.items() if value)


def test_lines_that_are_nothing_are_left_out(at):
    """If it fails, bars of nothing push those of something off the screen; or a script misses a key."""
    estimate = evolve(TRAINING, time_breakdown={**TRAINING.time_breakdown, "offload": 0.0, "launch": 1e-9})
    lines = at(estimate).split("\n")
    assert not any(line.split()[:1] == ["offload"] for line in lines)
    assert any(line.split()[:1] == ["launch"] for line in lines)
    assert document(estimate)["time_breakdown"]["offload"] == 0


def changed(layout: dict[str, object], **plan: object) -> TrainingEstimate:
    """The training estimate with another plan behind it."""
    whole = evolve(TRAINING.plan, layout=evolve(TRAINING.plan.layout, **layout), **plan)
    return evolve(TRAINING, plan=whole)


def test_every_way_of_dividing_the_work_is_shown(at):
    """If it fails, the report or the JSON says that a layout has no context, expert or virtual stages."""
    sizes = {"cp": 2, "ep": 4, "vpp": 3, "zero": 2, "zero_group": 8}
    divided = changed(sizes, schedule=registry().schedules["zero-bubble"])
    words = "layout tp 8 · cp 2 · pp 8 · vpp 3 · dp 1 · ep 4 · sequence parallel · zero-bubble · ZeRO 2 over 8"
    assert words in in_words(at(divided, 200))
    printed = document(divided)
    assert {name: printed["layout"][name] for name in sizes} == sizes
    assert printed["schedule"] == "zero-bubble"
    plain = document(TRAINING)
    assert [plain["layout"][name] for name in sizes] == [1, 1, 1, 0, None]
    assert plain["schedule"] == "1f1b"


def test_how_it_trains_is_shown(at):
    """If it fails, two runs with different optimizers, adapters or offloading look alike."""
    ways = {"tuning": Tuning.LORA, "lora_rank": 8, "master_weights": False, "gradient_bits": 16.0}
    other = changed({}, **ways, offload_optimizer=True, offload_activations=True)
    words = "lora rank 8 · no master weights · gradients in 16 bits · optimizer and activations in host memory"
    assert f"optimizer {TRAINING.plan.optimizer.name} · {words}" in in_words(at(other, 200))
    printed = document(other)
    assert {name: printed[name] for name in ways} == {**ways, "tuning": "lora"}
    assert printed["offload"] == {"optimizer": True, "activations": True, "parameters": False}
    assert printed["framework"] == TRAINING.plan.framework.name
    assert printed["optimizer"] == TRAINING.plan.optimizer.name
    assert document(TRAINING)["lora_rank"] is None
    assert document(TRAINING)["offload"] == {"optimizer": False, "activations": False, "parameters": False}


def test_every_figure_of_serving_is_there(at):
    """If it fails, the report lacks a total that a deployment is sized by."""
    text = in_words(at(SERVING, 200))
    assert f"first token {seconds(SERVING.prefill_seconds)} (prefill)" in text
    assert f"each token {seconds(SERVING.decode_seconds_per_token)} (decode)" in text
    assert f"whole answer {seconds(SERVING.total_seconds)}" in text
    assert f"{SERVING.max_batch_size:,.0f} sequences of 640 tokens a replica" in text
    assert "tokens/s a GPU; in money with --price median" in text
    priced = evolve(SERVING, plan=evolve(SERVING.plan, price_per_gpu_hour=2.0))
    whole = f"{money(priced.cost_per_million_tokens)} per million output tokens, all in, at 2 a GPU-hour"
    assert whole in in_words(at(priced, 200))


@pytest.mark.parametrize("estimate", ALL.values(), ids=ALL)
def test_warnings_are_all_there(at, estimate):
    """If it fails, the report keeps a caveat to itself."""
    text = in_words(at(estimate, 60))
    for warning in estimate.warnings:
        assert in_words(warning) in text
    assert ("Warnings" in text) == bool(estimate.warnings)


def test_a_plan_at_an_mfu_has_no_forward_pass(at):
    """If it fails, parts of a pass are shown that an MFU says nothing about."""
    assert forward_pass(AT_MFU) == ""
    assert "Forward pass of a micro-batch" in forward_pass(TRAINING)
    assert "MFU 40.0 %" in at(AT_MFU)


def test_nothing_assumed_is_no_heading(at):
    """If it fails, an empty section stands in the report."""
    estimate = evolve(SERVING, plan=evolve(SERVING.plan, assumptions=()))
    assert "Assumed" not in at(estimate)


def test_words_in_brackets_are_words(at):
    """If it fails, a name or a note in brackets is taken for a colour and vanishes, or crashes the report."""
    plan = evolve(SERVING.plan, assumptions=("[bold]efficiency[/bold] [/]",), warnings=("see [red] and :smile:",))
    text = at(evolve(SERVING, plan=plan))
    assert "[bold]efficiency[/bold] [/]" in text
    assert "see [red] and :smile:" in text


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 s"),
        (5e-8, "0.05 µs"),
        (1e-6, "1 µs"),
        (9.99e-4, "999 µs"),
        (1e-3, "1 ms"),
        (0.11333, "113.3 ms"),
        (1, "1 s"),
        (6.391, "6.391 s"),
        (3600, "3,600 s"),
        (7199, "7,199 s"),
        (7200, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (86_400 * 26.05, "26.05 days"),
        (86_400 * 9999, "9,999 days"),
        (86_400 * 16_032.4, "16,032 days"),
        (86_400 * 123_456, "123,456 days"),
    ],
)
def test_seconds_as_people_read_them(value, words):
    """If it fails, a time has the wrong unit or reads as an exponent."""
    assert seconds(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (512, "512"),
        (999, "999"),
        (1000, "1K"),
        (1.4e12, "1.4T"),
        (65_285_660_672, "65.3B"),
        (4_194_304, "4.19M"),
        (1e15, "1P"),
        (999.4e6, "999M"),
        (999_700, "1M"),
        (999.7e9, "1T"),
        (999.96e3, "1M"),
    ],
)
def test_counts_as_people_read_them(value, words):
    """If it fails, 999.7 billion parameters read "1e+03B"."""
    assert count(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0 bytes"),
        (2**20, "1.0 MiB"),
        (GIB / 10 - 1e6, "101.4 MiB"),
        (GIB / 10, "0.1 GiB"),
        (79.65 * GIB, "79.7 GiB"),
        (1994.0 * GIB, "1,994.0 GiB"),
    ],
)
def test_bytes_as_people_read_them(value, words):
    """If it fails, memory is shown in the wrong unit, or in GB for GiB."""
    assert gib(value) == words


def test_shares_and_lists():
    """If it fails, a percentage is a hundred times off, or an empty part leaves a dot."""
    assert [percent(share) for share in (0, 0.493, 1, 1.234)] == ["0.0 %", "49.3 %", "100.0 %", "123.4 %"]
    assert dotted(("tp 8", "", "pp 1")) == "tp 8 · pp 1"


def test_lists_say_which_of_their_plans_nobody_has_run_however_narrow_they_are():
    """A card that nobody has trained on would stand beside one that thousands have, as if it were known as well."""
    asked = {"model": "llama-7b", "gpus": 8, "tp": 1, "pp": 1, "zero": [0, 1], "recompute": "none", "schedule": "1f1b"}
    known, unknown = (search(TrainingSpace(**asked, gpu=gpu), top=2) for gpu in ("h100-sxm-80gb", "l40s"))
    assert "EXTRAPOLATED ranges of memory of all" in in_words(search_report(known, 60))
    assert "EXTRAPOLATED ranges of time of all; memory of all" in in_words(search_report(unknown, 60))
    assert unknown.columns["extrapolated"].all()
    assert not known.columns["extrapolated"].all()
    assert search_markdown(unknown).count("0: EXTRAPOLATED |") == len(unknown.best)
    servers = search(InferenceSpace(model="llama-2-7b", gpu="l40s", gpus=1, rate=0.5), top=1)
    assert servers.columns["extrapolated"].all()
    assert "0: EXTRAPOLATED" in search_markdown(servers)
