"""Plans of all kinds, made without pricing them: hypothesis strategies of training, samples of serving."""

from __future__ import annotations

from attrs import evolve
from hypothesis import strategies as st

from llmplan import registry
from llmplan.estimate import InferenceEstimate, TrainingEstimate
from llmplan.records import Efficiency, InferencePlan, Layout, Recompute, TrainingPlan, Tuning
from llmplan_layers import LatentAttention, MixtureOfExperts, Transformer

SIZES = st.sampled_from([1, 2, 4, 8])


@st.composite
def transformers(draw):
    """Dense, with experts, with latents; norms, biases and positions of both kinds."""
    heads = draw(st.sampled_from([8, 16, 32]))
    moe = draw(
        st.none()
        | st.builds(
            MixtureOfExperts,
            n_routed_experts=st.sampled_from([8, 64]),
            top_k=st.sampled_from([1, 2, 6]),
            moe_ffn_hidden=st.sampled_from([512, 1408]),
            n_shared_experts=st.sampled_from([0, 1, 2]),
            first_dense_layers=st.sampled_from([0, 1, 3]),
        )
    )
    mla = draw(
        st.none()
        | st.builds(
            LatentAttention,
            q_lora_rank=st.none() | st.just(1536),
            kv_lora_rank=st.just(512),
            qk_nope_head_dim=st.just(128),
            qk_rope_head_dim=st.just(64),
            v_head_dim=st.just(128),
        )
    )
    bias = mla is None and draw(st.booleans())
    return Transformer(
        name="drawn",
        layers=draw(st.sampled_from([16, 30, 61])),
        hidden=draw(st.sampled_from([1024, 4096])),
        heads=heads,
        kv_heads=heads if mla else draw(st.sampled_from([heads, heads // 4])),
        head_dim=mla.qk_head_dim if mla else draw(st.sampled_from([64, 128])),
        ffn_hidden=draw(st.sampled_from([4096, 14336])),
        gated_mlp=draw(st.booleans()),
        vocab=draw(st.sampled_from([32000, 128256])),
        tied_embeddings=draw(st.booleans()),
        norm=draw(st.sampled_from(["rms", "layer"])),
        qk_norm="none" if mla else draw(st.sampled_from(["none", "head"])),
        qkv_bias=bias or (not mla and draw(st.booleans())),
        o_bias=bias,
        mlp_bias=bias,
        position=draw(st.sampled_from(["rope", "learned", "none"])),
        max_seq_len=draw(st.sampled_from([2048, 131072])),
        moe=moe,
        mla=mla,
    )


def named_models(*names):
    """Registered ones."""
    return st.sampled_from(names).map(lambda name: registry().models[name])


@st.composite
def training(draw, models=None, **fixed):
    """Estimates of plans; what is `fixed` of the layout or the plan is not drawn."""
    sizes = {name: fixed.get(name, draw(SIZES)) for name in ("tp", "pp", "dp", "cp")}
    ranks = sizes["dp"] * sizes["cp"]
    model = draw(transformers() if models is None else models)
    experts = getattr(model, "moe", None) is not None
    zero = fixed.get("zero", draw(st.integers(0, 3)))
    layout = Layout(
        **sizes,
        gpus=ranks * sizes["tp"] * sizes["pp"],
        ep=fixed.get("ep", draw(st.sampled_from([1, min(ranks, 8)])) if experts else 1),
        vpp=fixed.get("vpp", draw(st.sampled_from([1, 2, 4]))) if sizes["pp"] > 1 else 1,
        sequence_parallel=fixed.get("sequence_parallel", draw(st.booleans())) and sizes["tp"] > 1,
        zero=zero,
        zero_group=fixed.get("zero_group", draw(st.sampled_from([None, sizes["cp"]])) if zero else None),
    )
    dtype = registry().dtypes[fixed.get("dtype") or draw(st.sampled_from(["bf16", "fp16", "fp8", "fp32"]))]
    hardware = registry().gpus["h100-sxm-80gb"]
    tuning = fixed.get("tuning", Tuning.FULL)
    plan = TrainingPlan(
        model=model,
        hardware=hardware,
        dtype=dtype,
        gemm=dtype.gemm_format(hardware),
        layout=layout,
        efficiency=Efficiency(),
        cost_model="none",
        micro_batch=draw(st.sampled_from([1, 2, 8])),
        gradient_accumulation=draw(st.sampled_from([1, 4, 16])),
        seq_len=min(draw(st.sampled_from([2048, 8192])), model.max_seq_len or 8192),
        tokens=draw(st.sampled_from([1e10, 1.4e12])),
        recompute=fixed.get("recompute", draw(st.sampled_from(list(Recompute)))),
        schedule=fixed.get("schedule", draw(st.sampled_from([*registry().schedules.values()]))),
        optimizer=registry().optimizers[fixed.get("optimizer", "adam")],
        framework=registry().frameworks["megatron-core"],
        master_weights=fixed.get("master_weights", draw(st.booleans())),
        gradient_bits=fixed.get("gradient_bits", draw(st.sampled_from([16.0, 32.0]))),
        offload_optimizer=fixed.get("offload_optimizer", draw(st.booleans())),
        tuning=tuning,
        lora_rank=0 if tuning is Tuning.FULL else 16,
    )
    if plan.offload_optimizer and zero == 3 and sizes["pp"] == 1:
        plan = evolve(plan, offload_parameters=fixed.get("offload_parameters", draw(st.booleans())))
    return TrainingEstimate(
        plan=plan,
        time_breakdown={"compute": 1.0},
        forward_breakdown=None,
        memory_breakdown={"weights": 1e9},
        model_flops=1e15,
        hardware_flops=1e15,
    )


@st.composite
def serving(draw, **fixed):
    """Estimates of static batches on replicas that may share experts."""
    tp, pp, dp = (fixed.get(name, draw(SIZES)) for name in ("tp", "pp", "dp"))
    model = draw(named_models("llama-3.1-8b", "qwen3-32b", "mixtral-8x7b", "deepseek-v3"))
    experts = model.moe is not None and pp == 1
    dtype = registry().dtypes[fixed.get("dtype") or draw(st.sampled_from(["bf16", "fp16", "fp8", "w4a16e16"]))]
    hardware = registry().gpus["h100-sxm-80gb"]
    plan = InferencePlan(
        model=model,
        hardware=hardware,
        dtype=dtype,
        gemm=dtype.gemm_format(hardware),
        layout=Layout(gpus=tp * pp * dp, tp=tp, pp=pp, dp=dp, ep=draw(st.sampled_from([1, tp * dp])) if experts else 1),
        efficiency=Efficiency(),
        cost_model="none",
        batch=draw(st.sampled_from([1, 64])),
        prompt_tokens=512,
        output_tokens=128,
        kv_bits=draw(st.sampled_from([8.0, 16.0])),
        engine=registry().engines[fixed.get("engine", "vllm")],
        settings={"cuda_graphs": draw(st.booleans())},
    )
    return InferenceEstimate(
        plan=plan,
        prefill_breakdown={"compute": 1.0},
        decode_breakdown={"compute": 1.0},
        memory_breakdown={"weights": 1e9},
        memory_bytes_per_sequence=1e6,
    )
