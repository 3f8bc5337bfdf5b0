"""The contract checks: each accepts what is right and refuses one thing that is wrong."""

from __future__ import annotations

import re
from types import ModuleType

import pytest
from attrs import Factory, evolve, frozen

from llmplan import hookimpl
from llmplan.errors import BadInputError, LlmplanError
from llmplan.estimate import InferenceEstimate, Kind, Line, TrainingEstimate
from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    Block,
    CalibratedEfficiency,
    Cluster,
    CollectiveCurve,
    DTypeFamily,
    DTypeRule,
    Efficiency,
    FrameworkProfile,
    GemmCurve,
    HardwareProfile,
    KernelCurves,
    Level,
    LoweredModel,
    NetworkCurve,
    Operator,
    Optimizer,
    Phase,
    Schedule,
    Tensor,
    Works,
)
from llmplan.testing import (
    SAMPLE_DTYPE,
    SAMPLE_HARDWARE,
    SAMPLE_MODEL,
    ContractError,
    check_cluster,
    check_cost_model,
    check_dtype,
    check_framework,
    check_hardware,
    check_model,
    check_optimizer,
    check_plugin,
    check_schedule,
)
from llmplan_kit import cost_contract, model_contract

# Hardware

NUMBERS = ("memory_bytes", "memory_bytes_per_second", "scale_up_bytes_per_second", "scale_up_domain")
SOURCES = dict.fromkeys((*NUMBERS, "peak_flops.fp16", "peak_flops.int8"), "datasheet")
GPU = evolve(SAMPLE_HARDWARE, peak_flops={"fp16": 4e14, "int8": 2e13}, sources=SOURCES)
CALIBRATED = CalibratedEfficiency(flops={"fp16": 0.7}, hbm=0.9, scale_up=0.8, scale_out=0.8, source="measured")


def gpu(**changes):
    """A good GPU with changes, every number with a source."""
    changed = evolve(GPU, **changes)
    given = {*NUMBERS, *changes} - {"peak_flops", "efficiency", "kernels", "aliases"}
    peaks = {f"peak_flops.{name}" for name in changed.peak_flops}
    return changed if "sources" in changes else evolve(changed, sources=dict.fromkeys(given | peaks, "datasheet"))


def without(name):
    """The sources but for one."""
    return {key: source for key, source in SOURCES.items() if key != name}


ATTENTION = AttentionKernel(forward=AttentionCurve(plateau=0.6), backward=AttentionCurve(plateau=0.5))
LATE = evolve(ATTENTION, backward=AttentionCurve(plateau=0.5, launch_seconds=7.0))
COLLECTIVE = CollectiveCurve(plateau=0.8, launch_seconds=1e-5, step_seconds=2e-6)
OPERATIONS = ("all_reduce", "all_gather", "reduce_scatter", "all_to_all")
CURVES = KernelCurves(
    gemm={"fp16": GemmCurve(plateau=0.7, launch_seconds=3e-6)},
    attention={"flash-2": ATTENTION, "flash-3": ATTENTION},
    hbm=0.9,
    launch_seconds=3e-6,
    collectives=dict.fromkeys(OPERATIONS, COLLECTIVE),
    network=NetworkCurve(plateau=0.8, step_seconds=1e-5),
    source="measured",
)


def timed(**changes):
    """A good GPU with curves, changed."""
    return gpu(kernels=evolve(CURVES, **changes))


def collectives(**changes):
    """All four, one of them changed."""
    return timed(collectives={**CURVES.collectives, "all_to_all": evolve(COLLECTIVE, **changes)})


GOOD_GPUS = (
    GPU,
    gpu(efficiency=CALIBRATED),
    gpu(peak_flops={"fp8": 1e15, "int8": 1e14}),
    gpu(launch_year=2026),
    timed(),
    gpu(aliases=("X1", "X1-96GB")),
)
BAD_GPUS = (
    (gpu(peak_flops={}), "peak_flops is empty"),
    (gpu(memory_bytes=80), "memory_bytes: 80 is not in 1e+08 to 4e+12"),
    (gpu(memory_bytes_per_second=3350), "memory_bytes_per_second: 3350 is not in"),
    (gpu(peak_flops={"fp16": 989}), "peak_flops.fp16: 989 is not in"),
    (gpu(scale_up_bytes_per_second=900), "scale_up_bytes_per_second: 900 is not in"),
    (gpu(launch_year=26), "launch_year: 26 is not in"),
    (gpu(sources=without("memory_bytes")), "memory_bytes: no source"),
    (gpu(sources=without("peak_flops.int8")), "peak_flops.int8: no source"),
    (gpu(tdp_watts=700, sources=SOURCES), "tdp_watts: no source"),
    (gpu(sources={**SOURCES, "memory_bytes": ""}), "memory_bytes: no source"),
    (gpu(sources={**SOURCES, "peak_flops.fp8": "datasheet"}), "sources: peak_flops.fp8: no such number"),
    (gpu(peak_flops={"fp16": 4e14, "fp8": 2e14}), "fp16 is faster than fp8"),
    (gpu(peak_flops={"int8": 4e14, "int4": 2e14}), "int8 is faster than int4"),
    (gpu(efficiency=evolve(CALIBRATED, flops={"fp16": 70.0})), "efficiency.flops.fp16: 70 is above 1"),
    (timed(source=""), "kernels: no source"),
    (timed(launch_seconds=3.0), "kernels.launch_seconds: 3 is above 0.001: is it in seconds?"),
    (timed(network=NetworkCurve(plateau=0.8, step_seconds=10.0)), "kernels.network.step_seconds: 10 is above"),
    (timed(gemm={"fp16": GemmCurve(plateau=0.7, launch_seconds=3.0)}), "kernels.gemm.fp16.launch_seconds: 3 is above"),
    (timed(attention={**CURVES.attention, "flash-3": LATE}), "kernels.attention.flash-3.backward.launch_seconds: 7 "),
    (collectives(launch_seconds=10.0), "kernels.collectives.all_to_all.launch_seconds: 10 is above"),
    (collectives(step_seconds=2.0), "kernels.collectives.all_to_all.step_seconds: 2 is above"),
    (gpu(aliases="X1"), "aliases: 'X1' is no tuple of words"),
    (gpu(aliases=("X1", " ")), "aliases: ' ' is no word"),
    (gpu(aliases=("X1", 7)), "aliases: 7 is no word"),
    (gpu(aliases=("X1", "x1")), "aliases: X1 is there twice"),
    (SAMPLE_MODEL, "returned a SampleModel, not a HardwareProfile"),
)

# Frameworks and optimizers

FRAMEWORK = FrameworkProfile(name="trainer", source="its defaults", aliases=("Trainer",), context_bytes=1e9)


def framework(**changes):
    """A good framework with changes."""
    return evolve(FRAMEWORK, **changes)


GOOD_FRAMEWORKS = (FRAMEWORK, framework(gradient_bits_by_dtype={"fp16": 16.0}), framework(host_seconds_per_step=0.02))
BAD_FRAMEWORKS = (
    (framework(source=""), "trainer: no source"),
    (framework(aliases=("Trainer", "TRAINER")), "aliases: Trainer is there twice"),
    (framework(aliases=("",)), "aliases: '' is no word"),
    (framework(host_seconds_per_layer=200.0), "host_seconds_per_layer: 200.0 is not in 0 to 0.05: is it in seconds?"),
    (framework(host_seconds_per_routed_layer=200.0), "host_seconds_per_routed_layer: 200.0 is not in"),
    (framework(host_seconds_per_step=1e3), "host_seconds_per_step: 1000.0 is not in 0 to 10"),
    (framework(context_bytes=1.2), "context_bytes: 1.2 is not in 1e+06 to 2e+10: is it in bytes?"),
    (framework(communication_bytes=400.0), "communication_bytes: 400.0 is not in 1e+06"),
    (framework(gradient_bits=320), "gradient_bits: 320 is not in 8 to 64"),
    (framework(reduction_bits=128), "reduction_bits: 128 is not in"),
    (framework(gradient_bits_by_dtype={"fp16": 160.0}), "gradient_bits_by_dtype.fp16: 160 is not in 8 to 64"),
    (SAMPLE_MODEL, "returned a SampleModel, not a FrameworkProfile"),
)

OPTIMIZER = Optimizer(name="moving", state_bytes=8, source="a paper")
GOOD_OPTIMIZERS = (OPTIMIZER, evolve(OPTIMIZER, state_bytes=0), evolve(OPTIMIZER, newton_schulz_steps=5))
BAD_OPTIMIZERS = (
    (evolve(OPTIMIZER, source=""), "moving: no source"),
    (evolve(OPTIMIZER, state_bytes=1e9), "state_bytes: 1000000000.0 is not in 0 to 24"),
    (SAMPLE_MODEL, "returned a SampleModel, not a Optimizer"),
)

CLUSTER = Cluster(name="hall", levels=(Level(), Level(size=512, bytes_per_second=5e10)), source="drawings")
TORUS_HALL = Cluster(name="torus", levels=(Level(topology="torus", dimensions=(4, 4)),), source="drawings")
GOOD_CLUSTERS = (CLUSTER, TORUS_HALL)
BAD_CLUSTERS = (
    (evolve(CLUSTER, source=""), "hall: no source"),
    (evolve(CLUSTER, levels=(Level(bytes_per_second=450.0),)), "levels.0: bytes_per_second: 450.0 is not in"),
    (evolve(CLUSTER, levels=(Level(latency_seconds=5.0),)), "levels.0: latency_seconds: 5.0 is not in 1e-09 to 0.001"),
    (SAMPLE_MODEL, "returned a SampleModel, not a Cluster"),
)

SCHEDULE = Schedule(name="plain", source="a paper")


def no_bubble(times):
    """Nobody waits."""
    return 0.0 * times.others


def gift(times):
    """Waiting that is less than none."""
    return -times.others


def only_weights(times):
    """Waiting that is shorter where others are slower."""
    return times.others_weights - 0.1 * times.others


def every_stage(p, _v, _m):
    """As many as stages, however few there are."""
    return p


GOOD_SCHEDULES = (SCHEDULE, evolve(SCHEDULE, bubble_seconds=no_bubble))
BAD_SCHEDULES = (
    (evolve(SCHEDULE, source=""), "plain: no source"),
    (evolve(SCHEDULE, bubble_seconds=gift), "plain: bubble_seconds: -3, -3, -4"),
    (evolve(SCHEDULE, bubble_seconds=only_weights), "plain: bubble_seconds: 0.7, -0.3, -0.4"),
    (evolve(SCHEDULE, in_flight=every_stage), "plain: in_flight: 2 of 1 micro-batches"),
    (SAMPLE_MODEL, "returned a SampleModel, not a Schedule"),
)

# Dtypes


@frozen(kw_only=True)
class EverywhereRule(DTypeRule):
    """A rule that claims to work on any hardware."""

    def gemm_format(self, hardware):
        """Whatever there is."""
        return next(iter(hardware.peak_flops))


def rule(**changes):
    """A good rule with changes."""
    return evolve(SAMPLE_DTYPE, **changes)


def family(listed=("x8",), build=lambda match: rule(name=match.group())):
    """A family of rules."""
    return DTypeFamily(pattern=re.compile(r"x\d"), build=build, listed=listed)


def refusing(_match):
    """Makes no rule."""
    raise BadInputError("x8 is not to our liking")


GOOD_DTYPES = (
    SAMPLE_DTYPE,
    rule(weight_bits=8, activation_bits=8, gemm_formats=(("fp8",), ("fp16", "bf16"))),
    family(),
    family(listed=()),
)
BAD_DTYPES = (
    (rule(gemm_formats=()), "gemm_formats: () is no tuple of tuples"),
    (rule(gemm_formats=((),)), "gemm_formats: ((),) is no tuple of tuples"),
    (rule(gemm_formats=("fp16",)), "gemm_formats: ('fp16',) is no tuple of tuples"),
    (rule(norm_bits=0), "norm_bits or loss_bits: not positive"),
    (rule(loss_bits=-1), "loss_bits: -1 is not in 8 to 64"),
    (
        EverywhereRule(name="x", weight_bits=8, activation_bits=8, embedding_bits=8, gemm_formats=(("fp16",),)),
        "no UnsupportedFormatError",
    ),
    (family(listed=("y8",)), "y8: listed, and makes no rule"),
    (family(build=lambda _match: rule(name="other")), "x8: listed, and makes other"),
    (family(build=refusing), "x8: listed, and refused: x8 is not to our liking"),
    (family(build=lambda match: rule(name=match.group(), gemm_formats=())), "x8: gemm_formats"),
    (SAMPLE_MODEL, "returned a SampleModel, not a DTypeRule or DTypeFamily"),
)

# Models


@frozen(eq=False)
class Wrong:
    """The sample model, or what a function makes of its operators, parameters and cache."""

    name: str = "wrong"
    layers: int = SAMPLE_MODEL.layers
    max_seq_len: int | None = None
    training_seq_len: int | None = None
    training_tokens: float | None = None
    operators: object = lambda operators, _batch: operators
    parts: object = lambda parts: parts
    cache: object = lambda batch, tokens: 1.0 * batch * tokens

    def parameters_by_part(self):
        """Of the sample, changed."""
        return self.parts(dict(SAMPLE_MODEL.parameters_by_part()))

    def lower(self, batch, seq_len, context=None, phase=Phase.TRAINING):
        """The sample, the operators of its layers changed."""
        lowered = SAMPLE_MODEL.lower(batch, seq_len, context, phase)
        (layer,) = lowered.layers
        changed = Block(tuple(self.operators(layer.operators, batch)), layer.parameters, layer.count)
        return LoweredModel(lowered.embedding, (changed,), lowered.head)

    def kv_cache(self, batch, tokens):
        """As given."""
        return Tensor(self.cache(batch, tokens))


@frozen(eq=False)
class Nearsighted(Wrong):
    """A model that knows no tokens but its own."""

    def lower(self, batch, seq_len):
        """Without a context."""
        return super().lower(batch, seq_len)


@frozen(eq=False)
class Forgetful(Wrong):
    """A model whose attention shrinks with what there is to attend to."""

    def lower(self, batch, seq_len, context=None, phase=Phase.TRAINING):
        """The longer the context, the fewer keys."""
        return super().lower(batch, seq_len, None if context is None else 256 / context, phase)


@frozen(eq=False)
class Tower(Wrong):
    """A model that reads an image with each prompt."""

    moved: object = lambda tokens: 4.0 * tokens
    phases: tuple = (Phase.TRAINING, Phase.PREFILL)

    def lower(self, batch, seq_len, context=None, phase=Phase.TRAINING):
        """With one more operator in the embedding."""
        lowered = super().lower(batch, seq_len, context, phase)
        if phase in self.phases:
            tower = Operator("tower", "vision", moved=batch * self.moved(seq_len), works=Works.SEQUENCE)
            lowered.embedding.operators += (tower,)
        return lowered


@frozen
class Unhashable(Wrong):
    """A model that is compared by its values, one of which has no hash."""

    sources: dict = Factory(dict)


def adding(**changes):
    """A wrong model with one more operator in its layers."""
    return Wrong(operators=lambda operators, _batch: (*operators, Operator("extra", "extra", **changes)))


def reading(**changes):
    """A wrong model with one more tensor that is read."""
    return adding(inputs=(Tensor(1.0, **changes),))


GOOD_MODELS = (
    SAMPLE_MODEL,
    evolve(SAMPLE_MODEL, tied_embeddings=True),
    Wrong(),
    Tower(moved=lambda _: 9.0),
    Wrong(cache=lambda batch, _tokens: 7.0 * batch),
    Wrong(cache=lambda _batch, _tokens: 0.0),
)
BAD_MODELS = (
    (Wrong(parts=lambda parts: parts | {"bias": 1}), "parameters_by_part says"),
    (adding(flops=7.0), "wrong: extra: flops: 7.0 of 16 tokens, 7.0 of 32: not as of tokens"),
    (Tower(), "wrong: tower: moved: 64.0 of 16 tokens, 128.0 of 32: not as of a sequence"),
    (Tower(moved=lambda _: 9.0, phases=tuple(Phase)), "tower: works once on a sequence, and is there in decode too"),
    (Wrong(parts=lambda parts: parts | {"bias": 0.5}), "parameters_by_part: bias: 0.5 is no count"),
    (Wrong(layers=5), "layers says 5, the blocks of lower 4"),
    (
        Wrong(operators=lambda operators, batch: [evolve(one, flops=one.flops * batch) for one in operators]),
        "times 2 m n k",
    ),
    (adding(weights=1e9), "operators of a block weigh"),
    (adding(flops=float("nan")), "extra: negative or infinite"),
    (adding(flops=-1.0), "extra: negative or infinite"),
    (adding(weights_read=1.0), "extra: weights_read: 1.0 is more than its weights"),
    (adding(recomputed_from=0), "extra: recomputed_from: 0 is not 1 to 5"),
    (adding(recomputed_from=6), "extra: recomputed_from: 6 is not 1 to 5"),
    (reading(dropped_from=-1), "extra: dropped_from: -1 is not 0 to 5"),
    (reading(width="gradient"), "extra: width: 'gradient' is none of"),
    (Wrong(cache=lambda batch, tokens: batch * tokens**2), "kv_cache: 512 of 16 tokens, 2048 of 32"),
    (Wrong(cache=lambda batch, tokens: batch / tokens), "not 1 to 2 times"),
    (Wrong(cache=lambda batch, tokens: 9_000.0 * batch * tokens), "kv_cache: 288000 elements are kept of 32 tokens"),
    (Wrong(cache=lambda batch, tokens: batch**2 * tokens), "kv_cache: not linear in batch"),
    (Nearsighted(), "lower: takes no context"),
    (Forgetful(), "lower: fewer FLOPs with a context of 32 tokens than of 16"),
    (Unhashable(), "unhashable type: 'dict'"),
    (evolve(Wrong(), name="Wrong"), "name: 'Wrong' is not a lower-case name"),
    (object(), "returned a object, not a ModelArchitecture"),
)

# Cost models


@frozen
class Priced:
    """A cost model of FLOPs over the peak and of weights over the bandwidth; its fields spoil it."""

    name: str = "priced"
    description: str = "FLOPs and weights"
    default: bool = False
    factor: object = lambda _plan: 1.0
    seconds: object = lambda seconds: {"compute": seconds}
    memory: float | None = None
    ignores: tuple = ("activations", "communication", "kv cache", "memory traffic", "optimizer")
    holds: Kind = Kind.TENSORS
    kinds: bool = True
    refuse: tuple = ()

    def efficiency(self, _hardware, _gemm, _phase):
        """Ideal."""
        return Efficiency(source="ideal")

    def check(self, _plan):
        """Nothing against it."""
        return ()

    def remarks(self, _plan):
        """Nothing to say."""
        return ()

    def _weights(self, plan):
        layout, parameters = plan.layout, sum(plan.model.parameters_by_part().values())
        held = parameters * plan.dtype.weight_bits / 8 / (layout.tp * layout.pp)
        return held if self.memory is None else self.memory

    def _breakdown(self, plan, flops):
        layout = plan.layout
        ranks = layout.gpus if hasattr(plan, "micro_batch") else layout.tp * layout.pp
        compute = flops / (ranks * plan.gemm.peak_flops)
        lines = self.seconds((compute + 1e3 / plan.hardware.memory_bytes_per_second) * self.factor(plan))
        return {Line(line, Kind.COMPUTE) if self.kinds else line: seconds for line, seconds in lines.items()}

    def train(self, plan):
        """Three forward passes."""
        if "train" in self.refuse:
            raise BadInputError("train: not here")
        flops = 3 * plan.model.lower(plan.global_batch, plan.seq_len).flops
        return TrainingEstimate(
            plan=plan,
            time_breakdown=self._breakdown(plan, flops),
            forward_breakdown=None,
            memory_breakdown={Line("weights", self.holds): self._weights(plan)},
            model_flops=flops,
            hardware_flops=flops,
        )

    def infer(self, plan):
        """One forward pass for the prompt, one for each token."""
        if "infer" in self.refuse:
            raise BadInputError("infer: not here")
        prefill, decode = (plan.model.lower(plan.batch, tokens).flops for tokens in (plan.prompt_tokens, 1))
        return InferenceEstimate(
            plan=plan,
            prefill_breakdown=self._breakdown(plan, prefill),
            decode_breakdown=self._breakdown(plan, decode),
            memory_breakdown={Line("weights", self.holds): self._weights(plan)},
            memory_bytes_per_sequence=1.0,
        )


class NoEstimate(Priced):
    """Answers with a number."""

    def infer(self, _plan):
        """Seconds, and nothing else."""
        return 7.0


class Untidy(TrainingEstimate):
    """An estimate whose total is another than the sum of its parts."""

    @property
    def iteration_seconds(self):
        """Too much."""
        return 2 * super().iteration_seconds


class NoSum(Priced):
    """Answers with such an estimate."""

    def train(self, plan):
        """As said."""
        tidy = super().train(plan)
        return Untidy(**{name: getattr(tidy, name) for name in TrainingEstimate.__annotations__})


@frozen
class Searchable(Priced):
    """Refuses pipelines of four stages or more, has words against tp, and knows a bound; its fields spoil it."""

    illegal_from: int = 4
    words_from: int = 2
    bound: float = 0.5

    def check(self, plan):
        """The truth."""
        if plan.layout.pp >= 4:
            raise BadInputError("pp: too long")
        return ("tp: too wide",) if plan.layout.tp >= 2 else ()

    def illegal(self, plan):
        """Of arrays."""
        return {"pp is short": plan.layout.pp >= self.illegal_from}

    def worded(self, plan):
        """Of arrays."""
        return plan.layout.tp >= self.words_from

    def bounds(self, plan):
        """A part of the price."""
        return self.bound * self.train(plan).iteration_seconds, self.bound * self._weights(plan)


@frozen
class Fitting(Priced):
    """Tells of memory alone, so many times what it holds."""

    told: float = 1.0

    def serving_memory(self, plan):
        """The one line."""
        return {line: self.told * held for line, held in self.infer(plan).memory_breakdown.items()}


def first(value):
    """The value, or where it is an array, its first element: what breaks arrays."""
    return value if isinstance(value, (int, float)) else float(value[0])


GOOD_COST_MODELS = (Priced(), Searchable(), Fitting(), Priced(refuse=("train",)), Priced(refuse=("infer",)))
BAD_COST_MODELS = (
    (Fitting(told=0.5), "serving_memory: {'weights': "),
    (Priced(factor=lambda plan: plan.hardware.memory_bytes_per_second), "twice the memory_bytes_per_second makes the"),
    (Priced(factor=lambda plan: plan.gemm.peak_flops**2), "twice the peak_flops makes the iteration slower"),
    (Priced(factor=lambda plan: plan.hardware.scale_up_bytes_per_second), "twice the scale_up_bytes_per_second"),
    (Priced(factor=lambda _plan: 0.5), "is above 1: faster than the peak"),
    (Priced(seconds=lambda seconds: {"compute": 2 * seconds, "gift": -seconds}), "train: time_breakdown: gift: is -"),
    (
        Priced(seconds=lambda seconds: {"compute": seconds, "bubble": float("inf")}),
        "bubble: is inf, not a finite number",
    ),
    (Priced(seconds=lambda seconds: {"compute": first(seconds)}), "for an array of micro_batch"),
    (Priced(memory=0.0), "memory_bytes_per_gpu: 0.0 is not positive"),
    (Priced(memory=-1.0), "memory_breakdown: weights: is -1.0, not a finite number"),
    (Priced(refuse=("train", "infer")), "prices no plan of sample: train: not here"),
    (Searchable(illegal_from=5000), "illegal: False for an array of layouts, True alone, of gpus 1000 tp 1 pp 1000"),
    (Searchable(illegal_from=3), "illegal: True for an array of layouts, False alone, of gpus 6 tp 2 pp 3"),
    (Searchable(words_from=3), "worded: False for an array of layouts, True alone, of gpus 2 tp 2"),
    (Searchable(bound=1.5), "bounds: iteration_seconds: "),
    (Priced(factor=lambda plan: first(plan.layout.gpus)), "iteration_seconds: "),
    (Priced(kinds=False), "time_breakdown: 'compute' is a mere string; make it a Line('compute', Kind.COMPUTE)"),
    (Priced(holds=Kind.MEMORY), "memory_breakdown: weights: Kind.MEMORY is none of Kind.TENSORS, Kind.SLACK"),
    (NoEstimate(), "returned a float, not an InferenceEstimate"),
    (NoSum(), "time_breakdown does not sum to iteration_seconds"),
    (SAMPLE_MODEL, "returned a SampleModel, not a CostModel"),
)

# Plugins


def hook(name, answer):
    """A hook implementation."""

    def implementation():
        return answer() if callable(answer) else answer

    implementation.__name__ = name
    return hookimpl(implementation)


def module_of(**members):
    """A plugin module."""
    module = ModuleType("fake")
    vars(module).update(members)
    return module


def offering(**records):
    """A plugin module with hooks that return these records."""
    return module_of(**{f"llmplan_{name}": hook(f"llmplan_{name}", answer) for name, answer in records.items()})


def llmplan_hardware_profiles():
    """A hook without the marker."""


def adding_commands(app):
    """An implementation of the hook for commands."""
    app.command("greet")(print)


GOOD_PLUGINS = (
    offering(
        hardware_profiles=[GPU],
        dtype_rules=[SAMPLE_DTYPE, family()],
        model_architectures=[SAMPLE_MODEL],
        parallelism_models=[Priced()],
        framework_profiles=[FRAMEWORK],
        optimizers=[OPTIMIZER],
        reporters=[],
    ),
    module_of(LLMPLAN_API=1, **vars(offering(hardware_profiles=lambda: iter([GPU])))),
    module_of(llmplan_commands=hookimpl(adding_commands)),
)
BAD_PLUGINS = (
    (module_of(), "fake implements no hook"),
    (module_of(llmplan_hardware_profiles=llmplan_hardware_profiles), "lacks @hookimpl"),
    (offering(hardware_profile=[]), "did you mean llmplan_hardware_profiles"),
    (module_of(llmplan_hardware_profiles=hookimpl(lambda vendor: [vendor])), "{'vendor'}"),
    (module_of(LLMPLAN_API=2, **vars(offering(hardware_profiles=[]))), "built for plugin API 2"),
    (offering(hardware_profiles=lambda: 1 / 0), "llmplan_hardware_profiles: ZeroDivisionError"),
    (offering(hardware_profiles=7), "returned int, not records"),
    (offering(reporters=[GPU]), "returned a HardwareProfile, not a Reporter"),
    (offering(hardware_profiles=[GPU, GPU]), "offers sample twice"),
    (offering(hardware_profiles=[SAMPLE_HARDWARE]), "memory_bytes: no source"),
    (offering(dtype_rules=[family(listed=("y8",))]), "y8"),
    (offering(model_architectures=[Wrong(layers=5)]), "layers says 5"),
    (offering(parallelism_models=[Priced(memory=0.0)]), "is not positive"),
    (offering(framework_profiles=[framework(source="")]), "trainer: no source"),
    (offering(optimizers=[evolve(OPTIMIZER, source="")]), "moving: no source"),
)

GOOD = [
    (check, record)
    for check, records in (
        (check_hardware, GOOD_GPUS),
        (check_dtype, GOOD_DTYPES),
        (check_model, GOOD_MODELS),
        (check_cost_model, GOOD_COST_MODELS),
        (check_framework, GOOD_FRAMEWORKS),
        (check_optimizer, GOOD_OPTIMIZERS),
        (check_cluster, GOOD_CLUSTERS),
        (check_schedule, GOOD_SCHEDULES),
        (check_plugin, GOOD_PLUGINS),
    )
    for record in records
]
BAD = [
    (check, record, said)
    for check, records in (
        (check_hardware, BAD_GPUS),
        (check_dtype, BAD_DTYPES),
        (check_model, BAD_MODELS),
        (check_cost_model, BAD_COST_MODELS),
        (check_framework, BAD_FRAMEWORKS),
        (check_optimizer, BAD_OPTIMIZERS),
        (check_cluster, BAD_CLUSTERS),
        (check_schedule, BAD_SCHEDULES),
        (check_plugin, BAD_PLUGINS),
    )
    for record, said in records
]


@pytest.mark.parametrize(("check", "record"), GOOD, ids=lambda value: getattr(value, "__name__", None))
def test_a_good_record_passes(check, record):
    """If it fails, authors are told to change what is right."""
    check(record)


@pytest.mark.parametrize(("check", "record", "said"), BAD, ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_record_is_refused(check, record, said):
    """If it fails, the check promises what it does not look at, or does not say what is wrong."""
    with pytest.raises(ContractError) as caught:
        check(record)
    assert said in str(caught.value)


@pytest.mark.parametrize(("check", "record"), GOOD, ids=lambda value: getattr(value, "__name__", None))
def test_numpy_is_not_needed(check, record, monkeypatch):
    """If it fails, plugin authors need numpy to test a plugin that does not."""
    monkeypatch.setattr(cost_contract, "NUMPY", None)
    monkeypatch.setattr(model_contract, "NUMPY", None)
    check(record)


def test_a_model_that_breaks_arrays_is_refused():
    """If it fails, a model prices one plan right and a million plans wrong."""
    wrong = Wrong(cache=lambda batch, tokens: first(batch) * tokens)
    with pytest.raises(ContractError, match="for arrays"):
        check_model(wrong)


def test_contract_errors_are_failed_assertions():
    """If it fails, a test runner reports a broken contract as an error of the test."""
    assert issubclass(ContractError, AssertionError)
    assert issubclass(ContractError, LlmplanError)


def test_a_cost_model_is_checked_with_records_of_ones_own():
    """If it fails, a cost model for special hardware or models cannot be checked at all."""
    check_cost_model(Priced(), SAMPLE_MODEL, GPU, rule(gemm_formats=(("int8",),)))
    with pytest.raises(ContractError, match="prices no plan of sample: dtype: sample multiplies in fp4"):
        check_cost_model(Priced(), SAMPLE_MODEL, GPU, rule(gemm_formats=(("fp4",),)))


def test_the_samples_are_what_they_stand_for():
    """If it fails, the samples that cost models are checked with break the rules themselves."""
    check_model(SAMPLE_MODEL)
    check_dtype(SAMPLE_DTYPE)
    assert isinstance(SAMPLE_HARDWARE, HardwareProfile)
