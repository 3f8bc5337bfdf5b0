"""The registry: everything that the installed plugins offer, by kind."""

from __future__ import annotations

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from llmplan.catalogues import kinds
from llmplan.catalogues.catalogue import Catalogue
from llmplan.catalogues.plugins import Plugins, load_plugins

if TYPE_CHECKING:
    from llmplan.estimate import CostModel, Exporter, Launcher, Reporter, ServerModel
    from llmplan.records import (
        DTypeRule,
        EngineProfile,
        FrameworkProfile,
        HardwareProfile,
        ModelArchitecture,
        ModelReader,
        Optimizer,
        Schedule,
        ValidationSet,
    )


class Registry:
    """Everything that the installed plugins offer, each kind collected when it is first asked for."""

    def __init__(self, plugins: Plugins) -> None:
        self.plugins = plugins

    @cached_property
    def models(self) -> Catalogue[ModelArchitecture]:
        """Model architectures."""
        return Catalogue(kinds.MODELS, self.plugins)

    @cached_property
    def model_readers(self) -> Catalogue[ModelReader]:
        """Readers of models that are not registered."""
        return Catalogue(kinds.MODEL_READERS, self.plugins)

    @cached_property
    def gpus(self) -> Catalogue[HardwareProfile]:
        """Hardware profiles."""
        return Catalogue(kinds.GPUS, self.plugins)

    @cached_property
    def dtypes(self) -> Catalogue[DTypeRule]:
        """Dtype rules; names that follow a family's pattern are found without being listed."""
        return Catalogue(kinds.DTYPES, self.plugins)

    @cached_property
    def cost_models(self) -> Catalogue[CostModel]:
        """Parallelism cost models."""
        return Catalogue(kinds.COST_MODELS, self.plugins)

    @cached_property
    def server_models(self) -> Catalogue[ServerModel]:
        """Models of servers under a load."""
        return Catalogue(kinds.SERVER_MODELS, self.plugins)

    @cached_property
    def frameworks(self) -> Catalogue[FrameworkProfile]:
        """Training frameworks."""
        return Catalogue(kinds.FRAMEWORKS, self.plugins)

    @cached_property
    def engines(self) -> Catalogue[EngineProfile]:
        """Inference engines."""
        return Catalogue(kinds.ENGINES, self.plugins)

    @cached_property
    def optimizers(self) -> Catalogue[Optimizer]:
        """Optimizers."""
        return Catalogue(kinds.OPTIMIZERS, self.plugins)

    @cached_property
    def schedules(self) -> Catalogue[Schedule]:
        """Pipeline schedules."""
        return Catalogue(kinds.SCHEDULES, self.plugins)

    @cached_property
    def validation_sets(self) -> Catalogue[ValidationSet]:
        """Sets of published figures."""
        return Catalogue(kinds.VALIDATION_SETS, self.plugins)

    @cached_property
    def exporters(self) -> Catalogue[Exporter]:
        """File formats."""
        return Catalogue(kinds.EXPORTERS, self.plugins)

    @cached_property
    def reporters(self) -> Catalogue[Reporter]:
        """Renderings for the terminal."""
        return Catalogue(kinds.REPORTERS, self.plugins)

    @cached_property
    def launchers(self) -> Catalogue[Launcher]:
        """Programs that run plans, with their launch files."""
        return Catalogue(kinds.LAUNCHERS, self.plugins)

    def catalogue(self, kind: kinds.Kind) -> Catalogue[Any]:
        """The catalogue of a kind."""
        found: Catalogue[Any] = getattr(self, kind.plural.replace("-", "_"))
        return found


@cache
def registry() -> Registry:
    """The registry of this process: plugins are found once, their records when asked for."""
    return Registry(load_plugins())
