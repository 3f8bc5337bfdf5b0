"""How estimates, comparisons and results of searches are looked at in Python: a line, a notebook, plain values."""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PRESENTATION = "llmplan.output.shown"
"""It knows estimates, which know nothing of it; so it is looked up when somebody looks."""


class Shown:
    """What can be looked at; each method is answered by the presentation of the same name."""

    __slots__ = ()

    def __repr__(self) -> str:
        """The answer on one line, for a prompt or an assertion that fails."""
        try:
            return str(import_module(_PRESENTATION).line(self))
        except Exception:  # noqa: BLE001 - of arrays of plans, or half made; a debugger must not stumble
            return object.__repr__(self)

    def _repr_html_(self) -> str:
        """The report for a notebook."""
        return str(import_module(_PRESENTATION).html(self))

    def to_dict(self) -> dict[str, Any]:
        """The JSON of the command as plain values: SI units, full precision, None where something does not apply."""
        found: dict[str, Any] = import_module(_PRESENTATION).plain_values(self)
        return found

    def to_pandas(self) -> Any:
        """A data frame with a row for each plan and a column for each figure; needs ``llmplan-core[frames]``."""
        return import_module(_PRESENTATION).frame(self)
