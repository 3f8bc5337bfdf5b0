"""What is written reads back as the same options, for all that a format can say."""

from __future__ import annotations

from attrs import fields
from hypothesis import HealthCheck, assume, given, settings
from launched_plans import named_models, serving, training

from llmplan import registry
from llmplan.catalogues import MODELS
from llmplan.catalogues.toml_source import TomlSource
from llmplan.errors import BadInputError
from llmplan.records import Recompute
from llmplan.request import InferRequest, TrainRequest
from llmplan.request.plan_file import plan_options
from llmplan_launchers.formats.settings import precision
from llmplan_launchers.training.torchtitan import FLAVORS
from llmplan_layers import Transformer

SAID_BY_ALL = (Recompute.NONE, Recompute.ATTENTION_COMPUTE, Recompute.FULL)
NOT_OF_A_SHAPE = {"name", "family", "sources", "note", "training_seq_len", "training_tokens", "learned_pos_rows"}


def read_back(name, estimate):
    """The options that the launcher reads in its own file, checked as those of a plan file are."""
    launcher = registry().launchers[name]
    try:
        text = launcher.text(launcher.write(estimate))
    except BadInputError:
        assume(False)  # what it cannot run, see test_files.py
    assert launcher.recognises(text)
    found = launcher.read(text)
    request = TrainRequest if launcher.command == "train" else InferRequest
    return plan_options(TomlSource("read", "", dict(found.options)), request), found.remarks


def differences(options, expected):
    return {name: (options.get(name), value) for name, value in expected.items() if options.get(name) != value}


def layout_of(estimate, *names):
    return {name: getattr(estimate.plan.layout, name) for name in names}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(training(schedule=registry().schedules["1f1b"], master_weights=True))
def test_megatron(estimate):
    """A run that is planned, exported and read again would be another run."""
    plan = estimate.plan
    options, remarks = read_back("megatron", estimate)
    layout = plan.layout
    expected = {
        **layout_of(estimate, "gpus", "tp", "pp", "cp", "ep", "zero", "sequence_parallel"),
        "micro_batch": plan.micro_batch,
        "global_batch": plan.global_batch,
        "seq_len": plan.seq_len,
        "optimizer": "adam",
        "tokens": estimate.iterations * estimate.tokens_per_iteration,
    }
    expected["vpp"] = layout.vpp if layout.pp > 1 and layout.vpp > 1 else None
    if plan.recompute in SAID_BY_ALL:
        expected["recompute"] = plan.recompute
    if layout.zero and layout.zero_group not in (None, layout.dp * layout.cp):
        expected["zero_group"] = layout.zero_group
    assert differences(options, expected) == {}
    assert precision_named(options["dtype"]) == precision(plan)
    assert options.get("offload") == ("optimizer" if plan.offload_optimizer else None)
    assert remarks == ()


def precision_named(dtype):
    return {"nvfp4": "fp4"}.get(dtype, dtype)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(training(tp=2, pp=2, dp=2, cp=1, vpp=1, dtype="bf16"))
def test_the_shape_of_a_model(estimate):
    """A model's shape would be lost between Megatron's arguments and a plan file."""
    model = read_back("megatron", estimate)[0]["model"]
    assert isinstance(model, Transformer)
    shape = [field.name for field in fields(Transformer) if field.name not in NOT_OF_A_SHAPE and field.init]
    odd = {name: (getattr(model, name), getattr(estimate.plan.model, name)) for name in shape}
    odd = {name: pair for name, pair in odd.items() if pair[0] != pair[1]}
    shared = odd.pop("moe", None)
    if shared is not None:  # Megatron knows how wide shared experts are together, not how many there are
        read, planned = shared
        assert read.shared_width == planned.shared_width
        for name in ("n_routed_experts", "top_k", "moe_ffn_hidden", "first_dense_layers", "moe_layer_step"):
            assert getattr(read, name) == getattr(planned, name)
    assert odd == {}
    assert model.parameters_by_part() == estimate.plan.model.parameters_by_part()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(training(named_models(*dict.fromkeys({flavor: name for name, flavor in FLAVORS.items()}.values()))))
def test_torchtitan(estimate):
    """A run would come back with another layout, batch, sharding or model."""
    plan, layout = estimate.plan, estimate.plan.layout
    options, remarks = read_back("torchtitan", estimate)
    expected = {
        **layout_of(estimate, "gpus", "tp", "pp", "dp", "cp", "ep"),
        "micro_batch": plan.micro_batch,
        "global_batch": plan.global_batch,
        "seq_len": plan.seq_len,
        "model": plan.model.name,
        "tokens": estimate.iterations * estimate.tokens_per_iteration,
        "master_weights": None if plan.master_weights else False,
        "offload": "parameters" if plan.offload_optimizer else None,
    }
    if plan.recompute in SAID_BY_ALL:
        expected["recompute"] = plan.recompute
    if layout.zero > 1 and layout.dp * layout.cp > 1 and layout.zero_group != layout.cp:
        expected["zero"] = layout.zero
    if layout.pp > 1 and plan.schedule.both_ways:  # torchtitan has none such, and the file says so
        expected["schedule"] = "1f1b"
        said = registry().launchers["torchtitan"].write(estimate).remarks
        assert f"schedule {plan.schedule_name}: torchtitan has 1f1b, zero-bubble; written as 1f1b" in said
    elif layout.pp > 1 and (plan.schedule.default or layout.vpp > 1):
        expected |= {"schedule": plan.schedule_name, "vpp": layout.vpp if layout.vpp > 1 else None}
    assert differences(options, expected) == {}
    assert remarks == ()


@settings(max_examples=50, deadline=None)
@given(training(pp=1, cp=1, ep=1))
def test_deepspeed(estimate):
    """A run would come back with another batch, ZeRO stage, precision or offload."""
    plan, layout = estimate.plan, estimate.plan.layout
    assume(precision(plan) != "fp8")
    options, remarks = read_back("deepspeed", estimate)
    expected = {
        **layout_of(estimate, "dp", "zero"),
        "tp": layout.tp if layout.tp > 1 else None,
        "micro_batch": plan.micro_batch,
        "global_batch": plan.global_batch,
        "optimizer": "adam",
        "dtype": precision(plan),
        "offload": ("parameters" if plan.offload_parameters else "optimizer")
        if plan.offload_optimizer and layout.zero
        else None,
    }
    if precision(plan) in ("bf16", "fp16"):
        expected["gradient_bits"] = plan.gradient_bits
    assert differences(options, expected) == {}
    assert remarks == ()


@settings(max_examples=50, deadline=None)
@given(serving())
def test_vllm(estimate):
    """A server would come back with another layout, model or cache."""
    plan, layout = estimate.plan, estimate.plan.layout
    options, remarks = read_back("vllm", estimate)
    expected = {
        **layout_of(estimate, "tp", "pp"),
        "model": plan.model.name,
        "engine": "vllm",
        "max_sequences": plan.batch,
        "cuda_graphs": None if plan.setting("cuda_graphs", plan.engine.captures_launches) else False,
        "kv_bits": 8 if plan.kv_bits == 8 else options.get("kv_bits"),
        "ep": layout.ep if layout.ep > 1 else None,
        "max_model_len": plan.prompt_tokens + plan.output_tokens,
        "memory_utilization": 0.9,
    }
    if plan.model.moe is None or layout.ep > 1:
        expected |= layout_of(estimate, "gpus", "dp")
    assert differences(options, expected) == {}
    if plan.dtype.name != "w4a16e16":  # a checkpoint's own business, as vLLM has it
        assert options["dtype"] == plan.dtype.name
    assert remarks == ()


def test_a_registered_model_is_known_by_its_repository():
    """``vllm serve meta-llama/Llama-3.1-8B-Instruct`` would need --model beside it."""
    from llmplan_launchers.serving.vllm import known_model

    assert known_model("meta-llama/Llama-3.1-8B-Instruct") == "llama-3.1-8b"
    assert known_model("/weights/Qwen3-32B/") == "qwen3-32b"
    assert known_model("mistralai/Mixtral-8x7B-v0.1") == "mixtral-8x7b"
    assert known_model("acme/unheard-of") is None
    assert MODELS.plural == "models"
