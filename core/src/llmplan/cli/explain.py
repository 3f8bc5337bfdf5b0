"""``--explain``: every line of the breakdowns as arithmetic."""

import json
import textwrap

from llmplan.cli.said import plain
from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, Explained, ServerEstimate
from llmplan.output.document import document
from llmplan.space.asked import asking, cost_model_of

_DIGITS = 5


def explained(estimate: Estimate) -> tuple[Explained, ...]:
    """What the cost model says; BadInputError where it explains nothing."""
    if isinstance(estimate, ServerEstimate):
        raise BadInputError("explain: explains a batch; leave out --rate, --concurrency and --trace")
    plan = estimate.plan
    if plan.efficiency.mfu is not None:
        raise BadInputError("explain: with an MFU given, time = model FLOPs / (GPUs x peak x MFU); there are no parts")
    cost_model = cost_model_of(plan)
    explain = getattr(cost_model, "explain", None)
    if explain is None:
        raise BadInputError(f"explain: the cost model {plan.cost_model} explains nothing")
    with asking(cost_model):
        lines: tuple[Explained, ...] = explain(plan)
    return lines


def print_json(estimate: Estimate, lines: tuple[Explained, ...]) -> None:
    """The document with the explanation as one more key."""
    listed = [
        {name: getattr(line, name) for name in ("line", "formula", "numbers", "value", "unit", "source")}
        for line in lines
    ]
    print(json.dumps({**document(estimate), "explanation": listed}, indent=2))


def print_lines(lines: tuple[Explained, ...]) -> None:
    """Each line of the breakdowns with its value, its formula, the numbers put in, its source; then those without."""
    for line in lines:
        if not line.value:
            continue
        value = f"{line.value:.{_DIGITS}g}"
        numbers = f"  = {line.numbers}\n" if line.numbers != value else ""
        print(plain(f"\n{line.line} = {value} {line.unit}\n  {line.formula}\n{numbers}  [{line.source}]"))
    none = [line.line for line in lines if not line.value]
    if none:
        print()
        print(
            textwrap.fill(
                plain(f"None in this plan: {', '.join(none)}"), subsequent_indent="  ", break_on_hyphens=False
            )
        )
