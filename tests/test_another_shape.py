"""A model that is no transformer, priced by the same code, against figures worked out by hand.

Two layers of a causal convolution, one of a state-space recurrence, no attention; 10 tokens of 10 channels in 16 bits,
on a device of 1 MFLOP/s of which half is reached, so F = 500,000 FLOP/s and B = 125,000 bytes/s.
"""

from __future__ import annotations

import pytest
from attrs import frozen

from llmplan import infer, registry, train
from llmplan.output.document import document
from llmplan.records import Block, DTypeRule, HardwareProfile, LoweredModel, Operator, Tensor
from llmplan.records.model import ALWAYS_KEPT
from llmplan.testing import check_cost_model, check_model
from llmplan_report.terminal.report import forward_pass, report as as_table

HIDDEN, TAPS, STATE, VOCABULARY = 10, 4, 6, 20


@frozen
class Recurrent:
    """Filters, mixes, and carries a state; its words and its layers are its own."""

    name: str = "recurrent"
    layers: int = 3
    max_seq_len: int | None = None
    training_seq_len: int | None = None
    training_tokens: float | None = None

    def parameters_by_part(self):
        """2 filters of 40, 2 mixers of 100 and a bias of 10, a state of 120, two tables of 200."""
        return {"table": 200, "filter": 80, "mixing": 220, "state": 120, "words": 200}

    def lower(self, batch, seq_len, context=None, phase=None):
        """The convolutions hold 150 parameters each, 10 of them a bias."""
        del context, phase
        tokens = 1.0 * batch * seq_len
        first, channels = Tensor(tokens * HIDDEN, dropped_from=ALWAYS_KEPT), Tensor(tokens * HIDDEN)
        convolution = (
            multiply("taps", "filter", tokens, HIDDEN * TAPS, (first,)),
            multiply("channels", "mixing", tokens, HIDDEN**2, (channels,), reduced=tokens * HIDDEN),
        )
        recurrence = (multiply("scan", "state", tokens, 2 * HIDDEN * STATE, (first, Tensor(tokens * STATE))),)
        table = HIDDEN * VOCABULARY
        return LoweredModel(
            embedding=Block((Operator("lookup", "table", weights=table),), table),
            layers=(Block(convolution, 150, count=2), Block(recurrence, 120)),
            head=Block((multiply("guess", "words", tokens, table, (first,)),), table),
        )

    def kv_cache(self, batch, tokens):
        """The last 3 inputs of each filter and one state, however many tokens there were."""
        return Tensor(1.0 * batch * (2 * (TAPS - 1) * HIDDEN + STATE) + 0.0 * tokens)


def multiply(name, part, tokens, weights, inputs, reduced=None):
    """Every weight once a token, a multiplication and an addition."""
    return Operator(name, part, 2.0 * tokens * weights, float(weights), inputs, reduced)


OPTIONS = {
    "model": Recurrent(),
    "gpu": HardwareProfile(
        name="tiny",
        memory_bytes=1e6,
        memory_bytes_per_second=1.25e5,
        peak_flops={"fp16": 1e6},
        scale_up_bytes_per_second=1e4,
        scale_up_domain=2,
    ),
    "dtype": DTypeRule(name="half", weight_bits=16, activation_bits=16, embedding_bits=16, gemm_formats=(("fp16",),)),
    "cost_model": "roofline",
    "flops_efficiency": 0.5,
    "ideal": True,
    "tp": 1,
    "pp": 1,
    "dp": 1,
}
TRAIN = {**OPTIONS, "micro_batch": 2, "gradient_accumulation": 3, "seq_len": 5, "tokens": 3000, "recompute": "none"}
INFER = {**OPTIONS, "batch": 2, "prompt_tokens": 5, "output_tokens": 3}


def test_it_keeps_the_contract():
    """If it fails, the figures below are those of a model that contradicts itself."""
    check_model(Recurrent())
    check_cost_model(registry().cost_models["roofline"], Recurrent(), OPTIONS["gpu"], OPTIONS["dtype"])


def test_the_default_cost_model_prices_it_too():
    """If it fails, a model that is no transformer needs another cost model than the default one."""
    check_cost_model(registry().cost_models["megatron"], Recurrent(), OPTIONS["gpu"], OPTIONS["dtype"])


def test_training_time():
    """If it fails, time is not FLOPs over what the device reaches: something counts attention that is not there.

    A micro-batch: 2 x 2 x 10 x 140 + 2 x 10 x 120 + 2 x 10 x 200 = 5,600 + 2,400 + 4,000 FLOPs; three of them.
    """
    estimate = train(**TRAIN)
    assert estimate.model_flops == 3 * 3 * 12_000
    assert estimate.time_breakdown == pytest.approx({"forward": 0.072, "backward": 0.144, "recompute": 0})
    assert estimate.mfu == pytest.approx(0.5)
    assert estimate.iterations == 3000 / 30
    assert estimate.training_seconds == pytest.approx(21.6)


@pytest.mark.parametrize(
    ("mode", "seconds"), [("none", 0), ("attention-compute", 0), ("attention", 0), ("full", 3 * 8_000 / 500_000)]
)
def test_recomputation(mode, seconds):
    """If it fails, modes that speak of attention recompute what is none, or the full mode leaves a layer out."""
    assert train(**TRAIN | {"recompute": mode}).time_breakdown["recompute"] == pytest.approx(seconds)


def test_forward_pass_by_the_models_own_parts():
    """If it fails, parts are those of a transformer, or a part is not bound by the slower of compute and memory.

    Filter: 800 FLOPs take 1.6 ms, (40 + 100) x 2 bytes 2.24 ms. Mixing: 4 against 3.2 ms. State: 4.8 against 4.48 ms.
    """
    expected = {
        "filter": 2 * 2.24e-3,
        "mixing": 2 * 4e-3,
        "state": 4.8e-3,
        "tp_comm": 0,
        "input_embedding": 400 / 125_000,
        "output_embedding_loss": 4_000 / 500_000,
    }
    assert train(**TRAIN).forward_breakdown == pytest.approx(expected)
    assert infer(**INFER).prefill_breakdown == pytest.approx(expected)


def test_training_memory():
    """If it fails, memory is not counted from the model's own parameters and tensors.

    820 parameters; kept: 2 x (100 + 100) elements of the convolutions, 160 of the state, 100 before the head. Full
    recomputation keeps the 100 that each of the layers and the head is given.
    """
    expected = {"weights": 1_640, "gradients": 1_640, "optimizer": 9_840, "activations": 660 * 2}
    assert train(**TRAIN).memory_breakdown == pytest.approx(expected)
    assert train(**TRAIN | {"recompute": "full"}).memory_breakdown["activations"] == 400 * 2


def test_tensor_parallelism():
    """If it fails, a bias is divided like a matrix, or partial results are summed where the model has none.

    On each of two ranks: (70 + 10) x 2 + 60 parameters of layers, 200 of tables. 200 bytes are summed in each
    convolution: 2 x 200 x 1/2 bytes over the link of 10,000 bytes/s.
    """
    estimate = train(**TRAIN | {"tp": 2, "sequence_parallel": False})
    assert estimate.memory_breakdown["weights"] == pytest.approx(420 * 2)
    assert estimate.forward_breakdown["tp_comm"] == pytest.approx(2 * 200 / 10_000)
    assert estimate.forward_breakdown["mixing"] == pytest.approx(2 * 2e-3)
    assert estimate.iteration_seconds == pytest.approx(0.216 / 2)


def test_pipeline_parallelism():
    """If it fails, layers of different kinds cannot be dealt out to stages."""
    estimate = train(**TRAIN | {"pp": 3})
    assert estimate.forward_breakdown["mixing"] == pytest.approx(2 * 4e-3 / 3)
    assert estimate.iteration_seconds == pytest.approx(0.216 / 3)


def test_decoding():
    """If it fails, decoding reads a cache that grows with attention, which this model has not got.

    Two tokens: every part is bound by memory, the weights and 2 x 10 or 2 x 16 elements of 2 bytes each; the head is
    800 FLOPs; the cache is 2 x (2 x 3 x 10 + 6) elements of 2 bytes, read and written.
    """
    estimate = infer(**INFER)
    assert estimate.decode_breakdown == pytest.approx(
        {
            "filter": 2 * (40 + 20) * 2 / 125_000,
            "mixing": 2 * (100 + 20) * 2 / 125_000,
            "state": (120 + 32) * 2 / 125_000,
            "tp_comm": 0,
            "input_embedding": 400 / 125_000,
            "output_embedding_loss": 800 / 500_000,
            "kv_cache": 2 * 264 / 125_000,
        }
    )
    assert infer(**INFER | {"output_tokens": 300}).memory_breakdown["kv_cache"] == 264


def test_inference_memory():
    """If it fails, serving memory or the largest batch is that of a model with attention.

    Weights 820 x 2, the cache, the 160 elements that the scan reads: 292 bytes a sequence beside 1,640.
    """
    estimate = infer(**INFER)
    assert estimate.memory_breakdown == pytest.approx({"weights": 1_640, "kv_cache": 264, "activations": 320})
    assert estimate.max_batch_size == (1_000_000 - 1_640) // 292


@pytest.mark.parametrize(("price", "options"), [(train, TRAIN), (infer, INFER)], ids=["train", "infer"])
def test_it_is_reported_in_its_own_words(price, options):
    """If it fails, a report knows the parts of a transformer alone."""
    estimate = price(**options)
    figures = document(estimate)
    assert {"filter", "mixing", "state"} <= set(figures.get("forward_breakdown") or figures["prefill_breakdown"])
    assert "mixing" in f"{as_table(estimate)}{forward_pass(estimate)}"
