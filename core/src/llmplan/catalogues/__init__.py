"""What plugins offer: found, kept apart, and looked up by name; records in Python and in folders of TOML files."""

from llmplan.catalogues.catalogue import Catalogue as Catalogue
from llmplan.catalogues.folder import TomlRecords as TomlRecords
from llmplan.catalogues.kinds import (
    ADVISERS as ADVISERS,
    CLUSTERS as CLUSTERS,
    COMMAND_OPTIONS as COMMAND_OPTIONS,
    COST_MODELS as COST_MODELS,
    DTYPES as DTYPES,
    ENGINES as ENGINES,
    EXECUTORS as EXECUTORS,
    EXPORTERS as EXPORTERS,
    FRAMEWORKS as FRAMEWORKS,
    GPUS as GPUS,
    KINDS as KINDS,
    LAUNCHERS as LAUNCHERS,
    LAYER_KINDS as LAYER_KINDS,
    MODEL_FORMS as MODEL_FORMS,
    MODEL_READERS as MODEL_READERS,
    MODELS as MODELS,
    OPTIMIZERS as OPTIMIZERS,
    PLAN_OPTIONS as PLAN_OPTIONS,
    REPORTERS as REPORTERS,
    RUN_READERS as RUN_READERS,
    SCHEDULES as SCHEDULES,
    SERVER_MODELS as SERVER_MODELS,
    SITES as SITES,
    VALIDATION_SETS as VALIDATION_SETS,
    Kind as Kind,
    conforms as conforms,
)
from llmplan.catalogues.lazy_record import LazyRecord as LazyRecord
from llmplan.catalogues.offered import (
    Registry as Registry,
    plugged as plugged,
    register as register,
    registry as registry,
    reload as reload,
    unregister as unregister,
)
