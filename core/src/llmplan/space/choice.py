"""The records that a request names, looked up or read from files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from attrs import evolve, field

from llmplan.catalogues import CLUSTERS, COST_MODELS, DTYPES, GPUS, MODELS, PLAN_OPTIONS, SITES, conforms, registry
from llmplan.catalogues.guard import Guard, WrongAnswerError
from llmplan.errors import BadInputError
from llmplan.estimate import Settled
from llmplan.records import Efficiency
from llmplan.space.asked import completed, efficiency_of, left_out
from llmplan.space.suspects import parameters_of
from llmplan.units import rate

if TYPE_CHECKING:
    from llmplan.catalogues import Catalogue, Kind
    from llmplan.estimate import Command, CostModel
    from llmplan.records import (
        DTypeRule,
        HardwareProfile,
        ModelArchitecture,
        NumberFormat,
        Site,
        StoredWeights,
    )
    from llmplan.request import InferRequest, TrainRequest


class Choice(NamedTuple):
    """The records behind a plan, and what was assumed in choosing them."""

    model: ModelArchitecture
    hardware: HardwareProfile
    dtype: DTypeRule
    gemm: NumberFormat
    cost_model: CostModel
    efficiency: Efficiency
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]
    site: Site | None = None
    price_per_gpu_hour: float | None = None
    parts: Mapping[str, Any] = field(factory=dict)
    """What options of plugins came to."""

    @property
    def settled(self) -> dict[str, Any]:
        """The fields of a plan that options of plugins decide."""
        return {"price_per_gpu_hour": self.price_per_gpu_hour, "parts": self.parts}


def choose(request: TrainRequest | InferRequest, phase: Command) -> Choice:
    """Look up what the request names; take the defaults for the rest."""
    model = find_record(request.model, "model", MODELS, assume_transformer=bool(request.assume_transformer))
    if phase == "infer" and not getattr(model, "generates", True):
        raise BadInputError(f"model: {model.name} is an encoder: it predicts no next token; llmplan train prices it")
    parameters_of(model)
    hardware = find_record(request.gpu, "gpu", GPUS)
    assumptions = [*_meant("model", request.model, model), *_meant("gpu", request.gpu, hardware)]
    hardware, said = in_cluster(hardware, request)
    assumptions += said
    assumptions += getattr(model, "assumed", ())
    dtype, of_dtype = _dtype(request, model, phase)
    assumptions += of_dtype
    cost_model = request.cost_model
    if cost_model is None:
        cost_model = default_record(registry().cost_models, "cost-model")
        assumptions.append(f"cost model {cost_model.name}: {cost_model.description}")
    else:
        cost_model = find_record(cost_model, "cost-model", COST_MODELS)
    hardware, uncalibrated = completed(cost_model, hardware)
    gemm = dtype.gemm_format(hardware)
    efficiency, whose = _efficiency(request, cost_model, hardware, gemm, phase)
    price, parts = settled(request, hardware)
    old = [word for part in parts.values() for word in getattr(part, "warnings", ())]
    warnings = (*left_out(cost_model, phase), *uncalibrated, *_format_warnings(dtype, gemm, hardware), *old)
    site: Site | None = None if request.site is None else find_record(request.site, "site", SITES)
    assumptions.append(whose)
    if site is not None:
        with Guard(SITES, site.name):
            cost_model, told = site.at(cost_model), site.said(hardware, phase)
            if not (hasattr(cost_model, "train") and isinstance(told, str)):
                raise WrongAnswerError("at or said: returned no cost model, or no text")
            assumptions.append(told)
    assumed = tuple(assumptions)
    return Choice(model, hardware, dtype, gemm, cost_model, efficiency, assumed, warnings, site, price, parts)


def _dtype(
    request: TrainRequest | InferRequest, model: ModelArchitecture, phase: Command
) -> tuple[DTypeRule, Iterable[str]]:
    """The one that was asked for, that of the weights as they are stored, or the default; and what to say of it."""
    if request.dtype is not None:
        dtype = find_record(request.dtype, "dtype", DTYPES)
        return dtype, _meant("dtype", request.dtype, dtype)
    stored: StoredWeights | None = getattr(model, "stored", None)
    if stored is not None:
        dtype, stored_as = dtype_of(stored, phase)
        return dtype, (stored_as,)
    dtype = default_record(registry().dtypes, "dtype")
    return dtype, (f"dtype {dtype.name}",)


def settled(request: TrainRequest | InferRequest, hardware: HardwareProfile) -> tuple[float | None, Mapping[str, Any]]:
    """The price of an hour, stated, the cluster's or what options of plugins come to; and the parts that those make."""
    parts: dict[str, Any] = {}
    price = request.price_per_gpu_hour
    price = hardware.cluster.price_per_gpu_hour if price is None else price
    for one in registry().plan_options.values() if request.joined else ():
        if not request.joined.keys().isdisjoint(one.of(request.command)):
            with Guard(PLAN_OPTIONS, one.name):
                found = one.settle(request, hardware)
                if not isinstance(found, Settled):
                    raise WrongAnswerError(f"settle: returned a {type(found).__name__}, not a Settled")
                _check_settled(found)
            price = price if found.price_per_gpu_hour is None else found.price_per_gpu_hour
            parts.update(found.parts)
    return price, parts


def _check_settled(found: Settled) -> None:
    if not isinstance(found.parts, Mapping):
        raise WrongAnswerError(f"settle: parts: is a {type(found.parts).__name__}, not a table")
    price = found.price_per_gpu_hour
    if price is not None and not (isinstance(price, (int, float)) and 0 <= price < inf):
        raise WrongAnswerError(f"settle: price_per_gpu_hour: is {price!r}, not a finite number of zero or more")


_OF_CLUSTERS = ("nic_gbits", "gpus_per_node", "oversubscription", "host_memory")


def in_cluster(hardware: HardwareProfile, request: TrainRequest | InferRequest) -> tuple[HardwareProfile, list[str]]:
    """The accelerator in the cluster that is asked for, and how that differs from its usual one."""
    asked = [getattr(request, name) for name in _OF_CLUSTERS]
    if request.cluster is None and all(value is None for value in asked):
        return hardware, []
    from llmplan.space.clusters import wired

    given = None if request.cluster is None else find_record(request.cluster, "cluster", CLUSTERS)
    cluster, said = wired(hardware, given, *asked)
    return evolve(hardware, cluster=cluster), [said]


def _meant(option: str, wanted: Any, record: Any) -> tuple[str, ...]:
    """What is assumed of an alias: ``gpu H100: h100-sxm-80gb``; nothing of a name, a file or a record."""
    if not isinstance(wanted, str):
        return ()
    word = wanted.rpartition(":")[2].lower()
    is_alias = word != record.name and word in map(str.lower, getattr(record, "aliases", ()))
    return (f"{option} {wanted}: {record.name}",) if is_alias else ()


def dtype_of(stored: StoredWeights, phase: Command) -> tuple[DTypeRule, str]:
    """The rule of a checkpoint: to serve as it is stored, to train with weights that are not quantised."""
    if phase == "train":
        rule: DTypeRule = find_record(stored.training_dtype, "dtype", DTYPES)
        return rule, f"dtype {rule.name}" + (f", unquantised: {stored.said}" if stored.said else "")
    rule = find_record(stored.dtype, "dtype", DTYPES)
    bits = {name: getattr(stored, name) for name in ("expert_bits", "embedding_bits", "kv_bits")}
    bits = {name: value for name, value in bits.items() if value is not None}
    if stored.layer_bits is not None:
        bits["weight_bits"] = min(rule.weight_bits, stored.layer_bits)
        bits["scale_bits"] = stored.layer_bits - bits["weight_bits"]
    rule = evolve(rule, **bits)
    return rule, f"dtype {rule.name}" + (f": {stored.said}" if stored.said else "")


def find_record(wanted: Any, option: str, kind: Kind, *, assume_transformer: bool = False) -> Any:
    """A record given as such, by the name of a file, by its own name, or as a reader of models takes it."""
    if isinstance(wanted, str) and wanted.endswith(".toml"):
        from llmplan.catalogues.record_file import read_record

        return read_record(wanted, kind)
    if wanted is None or isinstance(wanted, str):
        catalogue = registry().catalogue(kind)
        if wanted is None:
            _missing(catalogue, option)
        if kind is MODELS and wanted not in catalogue:
            from llmplan.space.read_model import read_model

            return read_model(wanted, assume_transformer=assume_transformer) or catalogue[wanted]
        return catalogue[wanted]
    if not conforms(wanted, kind.classes[0]):
        raise BadInputError(f"{option}: {wanted!r} is not a {kind.classes[0].__name__}")
    return wanted


def _missing(catalogue: Catalogue[Any], option: str) -> NoReturn:
    kind = catalogue.kind
    if not catalogue:
        raise BadInputError(f"{option}: no plugin that offers {kind.plural} is installed")
    example = catalogue.names()[0]
    raise BadInputError(f"{option}: not given; llmplan list {kind.plural} shows {len(catalogue)}, {example} for one")


def default_record(catalogue: Catalogue[Any], option: str, architecture: str = "") -> Any:
    """The one that claims to be the default: this project's, else that of the first distribution by name, so that what
    is installed later never changes a number. Those that are usual on the accelerator's architecture come first.
    """
    plugins = registry().plugins
    claims = [
        (by, record)
        for _, by, record in (catalogue.entries("usual_on", architecture.lower()) if architecture else ())
        if architecture in getattr(record, "usual_on", ())
    ] or [(by, record) for _, by, record in catalogue.entries("default") if record.default]
    first = min((by for by, _ in claims), key=plugins.rank, default="")
    mine = [record for by, record in claims if by == first]
    if len(mine) != 1:
        state = "none is the default" if catalogue else f"no plugin that offers {catalogue.kind.plural} is installed"
        state = f"{_names(mine)} all claim to be the default" if mine else state
        raise BadInputError(f"{option}: not given, and {state}")
    for by, record in claims:
        if by != first:
            plugins.clash(f"{option}: {mine[0].name} is the default; so claims {by}:{record.name} to be")
    return mine[0]


def _names(records: Iterable[Any]) -> str:
    return " and ".join(record.name for record in records)


_EFFICIENCIES = ("flops", "hbm", "scale_up", "scale_out")
_WITHOUT_RANGE = "; times have no range: stated efficiencies have no published error"


def _efficiency(
    request: TrainRequest | InferRequest,
    cost_model: CostModel,
    hardware: HardwareProfile,
    gemm: NumberFormat,
    phase: Command,
) -> tuple[Efficiency, str]:
    """The calibrated ones, or 1 where all is ideal, but for those that are given; and whose they are."""
    stated = {name: getattr(request, f"{name}_efficiency") for name in _EFFICIENCIES}
    stated = {name: value for name, value in stated.items() if value is not None}
    mfu = getattr(request, "mfu", None)
    if mfu is not None and (stated or request.ideal):
        other = "ideal" if request.ideal else _in_words(stated).partition(",")[0].replace(" ", "-efficiency ")
        raise BadInputError(f"mfu: {mfu:g} contradicts {other}; give one: an MFU already holds what kernels lose")
    if request.ideal or len(stated) == len(_EFFICIENCIES):
        rest = [name.replace("_", "-") for name in _EFFICIENCIES if name not in stated]
        given = [f"{_in_words(stated)} given"] if stated else []
        said = "; ".join([*given, *([f"{_listed(rest)} ideal (1)"] if rest else [])])
        return Efficiency(**stated, stated=_EFFICIENCIES), f"efficiencies: {said}{_WITHOUT_RANGE}"
    calibrated = efficiency_of(cost_model, hardware, gemm, phase)
    if mfu is not None:
        said = f"MFU {mfu:.3g} of the whole run, given: nothing is added on top"
        return calibrated, f"{said}; the layout is chosen by efficiencies: {calibrated.source}"
    if not stated:
        return calibrated, f"efficiencies: {calibrated.source}"
    mixed = evolve(calibrated, **stated, stated=tuple(stated))
    rest = [name.replace("_", "-") for name in _EFFICIENCIES if name not in stated]
    said = f"efficiencies: {_in_words(stated)} given; {_listed(rest)} calibrated: {calibrated.source}"
    return mixed, f"{said}{_WITHOUT_RANGE}"


def _in_words(stated: Mapping[str, float]) -> str:
    return ", ".join(f"{name.replace('_', '-')} {value:.3g}" for name, value in stated.items())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _format_warnings(dtype: DTypeRule, gemm: NumberFormat, hardware: HardwareProfile) -> tuple[str, ...]:
    """Where the hardware computes in another format than the dtype asks for, or better should."""
    if gemm.fallback_from is not None:
        said = f"{hardware.name} has no {gemm.fallback_from} units: {dtype.name} multiplies in {gemm.name}"
        return (f"{said} at {rate(gemm.peak_flops, gemm.name)}",)
    wider = (name for formats in dtype.gemm_formats[1:] for name in formats if name in hardware.peak_flops)
    faster = [name for name in wider if hardware.peak_flops[name] > gemm.peak_flops]
    if not faster:
        return ()
    peaks = f"{rate(gemm.peak_flops, gemm.name)} against {rate(hardware.peak_flops[faster[0]], faster[0])}"
    said = f"{gemm.name} is slower than {faster[0]} on {hardware.name}, {peaks}"
    return (f"{said}: {dtype.name} saves memory, not time",)
