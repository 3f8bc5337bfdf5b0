"""Own measurements made a site: factors on the rates of accelerators, with what is known of each, for ``--site``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmplan.lazily import lazily

if TYPE_CHECKING:
    from llmplan_calibration.site import (
        Factor as Factor,
        Fitted as Fitted,
        MeasuredSite as MeasuredSite,
        Phases as Phases,
    )

__getattr__, __all__ = lazily(__name__, {"site": "Factor Fitted MeasuredSite Phases"})
