"""What plugins offer: found, kept apart, and looked up by name; records in Python and in folders of TOML files."""

from llmplan.catalogues.catalogue import Catalogue
from llmplan.catalogues.folder import TomlRecords
from llmplan.catalogues.kinds import (
    COST_MODELS,
    DTYPES,
    ENGINES,
    EXPORTERS,
    FRAMEWORKS,
    GPUS,
    KINDS,
    LAUNCHERS,
    MODEL_READERS,
    MODELS,
    OPTIMIZERS,
    REPORTERS,
    SCHEDULES,
    SERVER_MODELS,
    VALIDATION_SETS,
    Kind,
    conforms,
)
from llmplan.catalogues.offered import Registry, registry

__all__ = [
    "COST_MODELS",
    "DTYPES",
    "ENGINES",
    "EXPORTERS",
    "FRAMEWORKS",
    "GPUS",
    "KINDS",
    "LAUNCHERS",
    "MODELS",
    "MODEL_READERS",
    "OPTIMIZERS",
    "REPORTERS",
    "SCHEDULES",
    "SERVER_MODELS",
    "VALIDATION_SETS",
    "Catalogue",
    "Kind",
    "Registry",
    "TomlRecords",
    "conforms",
    "registry",
]
