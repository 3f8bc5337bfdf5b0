"""Estimates, comparisons and results of searches in Python: a line, a page of a notebook, values, a data frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.estimate import Comparison
from llmplan.output.document import document, rows
from llmplan.output.formats import paths


def line(of: Any) -> str:
    """The answer, with the kind of object that it is; BadInputError where nobody has words for people."""
    said = _for_people("line")
    return f"<{type(of).__name__}: {said(of)}>"


def html(of: Any) -> str:
    """The report, as whoever writes for people has it."""
    text: str = _for_people("html")(of)
    return text


def _for_people(form: str) -> Callable[[Any], str]:
    for _, _, reporter in registry().reporters.entries():
        if (write := getattr(reporter, form)) is not None:
            said: Callable[[Any], str] = write
            return said
    raise BadInputError("reporter: none for people is installed; pip install llmplan-report")


def plain_values(of: Any) -> dict[str, Any]:
    """An estimate as the values that ``--json`` prints."""
    return document(of)


def frame(of: Any) -> Any:
    """A row a plan, with the paths of the JSON as columns: ``layout.tp``, ``time_breakdown.forward``."""
    try:
        import pandas as pd
    except ImportError:
        raise BadInputError("to_pandas: needs pip install 'llmplan-core[frames]'") from None
    plans = rows(of) if isinstance(of, Comparison) else [document(of)]
    return pd.DataFrame([{path: None if value == "" else value for path, value in paths(plan)} for plan in plans])
