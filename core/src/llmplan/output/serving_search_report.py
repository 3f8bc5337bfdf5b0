"""The report of a search for a server: the best plans, why the first is first, the frontier, what the others failed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import ceil, log10
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llmplan.estimate import ServerEstimate
from llmplan.output.console import rendered
from llmplan.output.sections import behind, bullets, facts, heading, plus_minus
from llmplan.output.words import digits, gib, percent, seconds
from llmplan.search.infeasible import Change, Verdict
from llmplan.search.result import SearchResult
from llmplan.search.serving.frontier import row_of
from llmplan.search.serving.limits import LATENCIES, Limits
from llmplan.search.serving.why import Reason, described
from llmplan.space.server_sizes import SERVER_DIMENSIONS
from llmplan.units import GIB

_INDENT = 2
_ANY_WIDTH = 10_000
_MOST_TERMS = 4
_MOST_POINTS = 10
_FIGURES = 3
"""Digits of a limit that would do."""
_SIZES = ("tp", "pp", "ep", "dp")
_NAMES = ("model", "gpu", "dtype", "engine", "kv_bits")
_WORDS = ("model", "gpu", "dtype", "engine", "layout", "chunked-prefill", "")
_SPARE = (("p99", "p99 "), ("memory,\nGiB",), ("at\nonce",))
"""Columns that a report can do without, those together that mean the same, the first first."""
_HEADS = {"ttft": "first\ntoken, ms", "tpot": "each\ntoken, ms"}
_BETTER = {"throughput": "more tokens/s a GPU than", "cost": "less for a token than", "gpus": "fewer GPUs than"}
_HOLDING_BACK = {
    "concurrency": "--concurrency",
    "kv": "room for caches",
    "max-sequences": "--max-sequences",
    "steps": "its steps",
    "prefill-pool": "those that read prompts",
    "decode-pool": "those that decode",
}
_NOTHING_LEFT = {"rate": "rate: more comes than any of the layouts can answer"}
LOOKED_AT = "looked at, where left open: " + "; ".join(
    f"{name} {values}" for name, values in SERVER_DIMENSIONS.items() if name != "gpus"
)


def serving_search_report(result: SearchResult) -> str:
    """As wide as the terminal."""
    console = Console(highlight=False)
    return rendered(console, _sections(result, console))


def _sections(result: SearchResult, console: Console) -> Iterator[RenderableType]:
    of = {name: ", ".join(result.space.get(name, ())) for name in ("model", "gpu", "dtype")}
    title = Text(f"{of['model']} on {of['gpu']}", style="bold")
    yield title.append(f"  search of servers, {of['dtype']}", style="not bold dim")
    yield facts(_totals(result))
    if result.best:
        yield heading(f"Best plans by {result.objective}")
        yield from _table(result.best, result, console)
        yield facts(_ranges(result.best[0]))
    if result.why:
        yield heading("Why the first")
        yield bullets(_reason(reason, result) for reason in result.why)
    if result.best and len(result.pareto) > 1:
        yield from _frontier(result, console)
    if result.verdict is not None:
        yield heading("No plan is feasible", "bold red")
        yield from _why_not(result.verdict, result, console)
    if result.best:
        yield heading("Assumed")
        yield bullets((*result.best[0].plan.assumptions, LOOKED_AT))
        warned = (*result.warnings, *result.best[0].warnings)
        if warned:
            yield heading("Warnings", "bold yellow")
            yield bullets(warned)


def _ranges(best: ServerEstimate) -> dict[str, str]:
    """How far off the steps of the first may be, and what that rests on."""
    first, following = best.prefill.first_token_spread, best.decode.next_token_spread
    if first is None or following is None:
        return {}
    said = behind(following)["ranges"]
    return {"ranges": f"of the first: prefill{plus_minus(first)}, decode step{plus_minus(following)}; they {said}"}


def _totals(result: SearchResult) -> dict[str, str]:
    counts = result.counts
    interrupted = "" if result.complete else "; INTERRUPTED: the best so far"
    found = {
        "limits": _limits(result),
        "plans": f"{counts.legal:,} layouts under their loads, in {seconds(result.seconds)}{interrupted}",
        "pruned": _by(counts.pruned, counts.pruned_by),
        "infeasible": _by(counts.infeasible, counts.infeasible_by),
    }
    if result.best:
        load = result.best[0].server.workload
        rate = "" if load.rate is None else f"{load.rate:.4g} requests/s, "
        lengths = f"{load.prompt.label} prompt and {load.output.label} output tokens each"
        return {"load": load.trace_name or f"{rate}{lengths}", **found}
    return found


def _limits(result: SearchResult) -> str:
    limits = [f"{name} {seconds(result.constraints[name])}" for name in LATENCIES if name in result.constraints]
    if not limits:
        return "none but memory"
    part = result.constraints.get("percentile")
    return f"{', '.join(limits)}, {'on average' if part is None else f'for {part} % of requests'}"


def _by(whole: int, parts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{name} {many:,}" for name, many in parts.items() if many)
    return f"{whole:,}" + (f": {listed}" if listed else "")


def _table(estimates: Sequence[ServerEstimate], result: SearchResult, console: Console) -> Iterator[RenderableType]:
    """What was given several values in columns, then the layout and the figures."""
    plans = [described(estimate) for estimate in estimates]
    differing = _several(result, plans[0])
    figures = [name for name, of in _COLUMNS.items() if any(of(estimate) for estimate in estimates)]
    rows = [
        (str(number), *(_word(plan[name]) for name in differing), *(_COLUMNS[name](estimate) for name in figures))
        for number, (plan, estimate) in enumerate(zip(plans, estimates, strict=True), 1)
    ]
    yield from _fitted(("#", *differing, *figures), rows, console)


def _fitted(heads: Sequence[str], rows: Sequence[Sequence[str]], console: Console) -> Iterator[RenderableType]:
    """Where the terminal is narrower, spare columns go, and it is said which; then words wrap; figures never do."""
    left_out: list[str] = []
    wide = console.options.update(max_width=_ANY_WIDTH)
    spare = [names for names in _SPARE if set(names) & set(heads)]
    while True:
        padded = Padding(_columns(heads, rows, left_out), (0, 0, 0, _INDENT), expand=False)
        measured = padded.__rich_measure__(console, wide)
        if measured.maximum <= console.width or not spare:
            break
        left_out += spare.pop(0)
    width, console.width = console.width, max(console.width, measured.minimum)
    yield padded
    console.width = width
    if left_out:
        names = "; ".join(dict.fromkeys(name.strip().replace("\n", " ") for name in left_out))
        said = Text(f"no room for {names}: a wider terminal or --json shows them", style="dim")
        yield Padding(said, (0, 0, 0, _INDENT))


def _several(result: SearchResult, names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in _SIZES and len(result.space.get(name.replace("-", "_"), ())) > 1]


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]], left_out: Sequence[str]) -> Table:
    shown = [at for at, head in enumerate(heads) if head not in left_out]
    table = Table(box=None, padding=(0, 1, 0, 0))
    for at in shown:
        words = heads[at] in _WORDS
        title = heads[at].replace("-", "-\n")
        table.add_column(title, justify="left" if words else "right", no_wrap=not words)
    for row in rows:
        table.add_row(*(row[at] for at in shown))
    return table


def _layout(sizes: Mapping[str, Any]) -> str:
    pool = f" + {sizes['prefill-replicas']} for prompts" if sizes.get("prefill-replicas") else ""
    return " ".join(f"{name} {sizes[name]}" for name in _SIZES if name == "tp" or sizes[name] > 1) + pool


def _p99(estimate: ServerEstimate, of: str) -> str:
    found = None if estimate.simulated is None else getattr(estimate.simulated, of)
    return "" if found is None else _ms(found["p99"])


def _ms(value: float | None) -> str:
    return "" if value is None else digits(1e3 * value)


_COLUMNS: Mapping[str, Callable[[ServerEstimate], str]] = {
    "layout": lambda estimate: _layout(described(estimate)),
    "GPUs": lambda estimate: f"{estimate.server.gpus:,}",
    "at\nonce": lambda estimate: "" if estimate.closed_form is None else f"{estimate.closed_form.concurrency:,.0f}",
    "first\ntoken, ms": lambda estimate: _ms(estimate.first_token_seconds),
    "p99": lambda estimate: _p99(estimate, "first_token"),
    "each\ntoken, ms": lambda estimate: _ms(estimate.next_token_seconds),
    "p99 ": lambda estimate: _p99(estimate, "next_token"),
    "tokens/s\na GPU": lambda estimate: digits(estimate.tokens_per_second_per_gpu or 0.0),
    "cost\nof 1M": lambda estimate: _cost(estimate.cost_per_million_tokens),
    "memory,\nGiB": lambda estimate: digits(estimate.memory_bytes_per_gpu / GIB),
}


def _cost(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _word(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _reason(reason: Reason, result: SearchResult) -> str:
    """By how much, what it does otherwise, where GPU time was saved, what keeps the other from more."""
    changed = ", ".join(f"{name} {_word(mine)} for {_word(its)}" for name, (its, mine) in reason.changed.items())
    moved = ", ".join(
        f"{line} {'-' if value < 0 else '+'}{seconds(abs(value))}"
        for line, value in list(reason.terms.items())[:_MOST_TERMS]
    )
    terms = f"GPU time of a token: {moved}" if moved else ""
    by = reason.held_back
    back = f"the other is held back by {_HOLDING_BACK.get(by, f'its {by}')}" if by else ""
    better = f"{percent(reason.better)} {_BETTER[result.objective]}" if reason.better else "as good as"
    return f"{better} {reason.against}: {'; '.join(filter(None, (changed, terms, back)))}"


def _frontier(result: SearchResult, console: Console) -> Iterator[RenderableType]:
    """Some points of it, evenly by their place, the first and the last among them."""
    axis, points = result.pareto_of[1], result.pareto
    limits = Limits({name: result.constraints[name] for name in LATENCIES if name in result.constraints})
    step = max(1.0, (len(points) - 1) / (_MOST_POINTS - 1))
    shown = [points[round(place * step)] for place in range(min(len(points), _MOST_POINTS))]
    rows = [row_of(point, limits) for point in shown]
    differing = [
        name for name in ("model", "gpu", "dtype", "engine", "kv_bits") if len({row[name] for row in rows}) > 1
    ]
    some = f", {len(shown)} of its {len(points)} points" if len(points) > len(shown) else ""
    yield heading(f"Frontier of throughput and {axis} in closed form{some}")
    heads = (*differing, "layout", "GPUs", "at\nonce", _HEADS[axis], "tokens/s\na GPU", "")
    cells = [
        (
            *(_word(row[name]) for name in differing),
            _layout(row),
            f"{row['gpus']:,}",
            f"{row['concurrency']:,.0f}",
            _ms(point.latencies[axis]),
            digits(row["tokens_per_second_per_gpu"]),
            "" if row["feasible"] else f"beyond {axis}",
        )
        for point, row in zip(shown, rows, strict=True)
    ]
    yield from _fitted(heads, cells, console)


def _why_not(verdict: Verdict, result: SearchResult, console: Console) -> Iterator[RenderableType]:
    yield bullets([says_why_not(verdict), *(f"{change_words(change)} would do" for change in verdict.changes)])
    if verdict.nearest is not None:
        yield heading("The plan that comes nearest")
        yield from _table([verdict.nearest], result, console)


def says_why_not(verdict: Verdict) -> str:
    """What kills the last plans."""
    if verdict.least is None or verdict.limit is None:
        return _NOTHING_LEFT.get(verdict.constraint, f"{verdict.constraint}: no layout is left of {verdict.plans:,}")
    words = gib if verdict.constraint == "memory" else seconds
    return f"{verdict.constraint}: the least is {words(verdict.least)}, and {words(verdict.limit)} are allowed"


def change_words(change: Change) -> str:
    """As options, limits rounded up."""
    if change.option == "memory of the accelerator":
        return f"an accelerator with {gib(change.value)}"
    if isinstance(change.value, list):
        parts = zip(change.option.split("+"), change.value, strict=True)
        return " ".join(change_words(Change(name, value)) for name, value in parts)
    if change.option in LATENCIES:
        return f"--{change.option} {_rounded_up(change.value * 1e3):g}ms"
    return f"--{change.option} {change.value}"


def _rounded_up(value: float) -> float:
    unit = 10.0 ** (ceil(log10(value)) - _FIGURES)
    return float(f"{ceil(value / unit) * unit:.{_FIGURES}g}")
