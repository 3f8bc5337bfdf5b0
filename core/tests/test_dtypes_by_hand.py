"""What a rule of bits says where it says nothing else, and which formats serve it."""

from types import SimpleNamespace

import pytest

from llmplan.records import DTypeRule


def rule(weights=16, activations=16, **changes):
    """Of so many bits, embeddings in 16."""
    given = {"name": "made", "embedding_bits": 16, "gemm_formats": (("fp8", "int8"), ("fp16",)), **changes}
    return DTypeRule(weight_bits=weights, activation_bits=activations, **given)


def test_norms_and_the_loss_are_in_32_bits_and_nothing_has_scales_unless_said():
    """Logits would take half the room, or every weight a part of scales that no file has."""
    plain = rule(4, 8)
    assert plain.bits == {"weight": 4, "activation": 8, "embedding": 16, "norm": 32, "loss": 32}
    assert (plain.scale_bits, plain.dynamic_scales, plain.default, plain.kv_bits) == (0, False, False, None)
    assert (plain.held_bits, rule(4, training_weight_bits=16).held_bits) == (4, 16)


@pytest.mark.parametrize(
    ("weights", "activations", "narrow"),
    [(16, 16, False), (8, 16, True), (16, 8, True), (15, 16, True), (32, 32, False)],
)
def test_fewer_than_16_bits_are_narrow(weights, activations, narrow):
    """Mixed precision would be warned of, or 8 bits be taken for it."""
    assert rule(weights, activations).is_narrow is narrow


def test_readers_are_told_of_training_that_few_have_done():
    """Hypothetical figures would stand as if somebody trained so, or usual ones be doubted."""
    assert rule().training_remarks == ()
    (said,) = rule(training="hypothetical").training_remarks
    assert said.startswith("made in training: ")


def test_the_first_format_that_there_is_serves():
    """A dtype would fall back though the accelerator has its format, or hide that it does."""
    peaks = {"fp8": 2e14, "int8": 3e14, "fp16": 1e14}
    every, old = (SimpleNamespace(peak_flops=known, name="gpu") for known in (peaks, {"fp16": 1e14}))
    best, fallen = rule().gemm_format(every), rule().gemm_format(old)
    assert (best.name, best.peak_flops, best.fallback_from) == ("fp8", 2e14, None)
    assert (fallen.name, fallen.peak_flops, fallen.fallback_from) == ("fp16", 1e14, "fp8")
    other = rule().gemm_format(SimpleNamespace(peak_flops={"fp16": 1e14, "int8": 3e14}))
    assert (other.name, other.fallback_from) == ("int8", None)
