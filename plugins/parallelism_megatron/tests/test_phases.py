"""Models whose phases differ: a tower that reads an image with each prompt, and what only decoding does."""

from __future__ import annotations

import pytest
from attrs import evolve, frozen

from llmplan import infer, train
from llmplan.records import Block, Gemm, LoweredModel, Operator, Phase, Scores, Tensor, Works
from llmplan.testing import SAMPLE_MODEL, check_model
from llmplan_parallelism_megatron.serving.phases import lowered_for_serving

PATCHES, WIDTH, DEPTH = 1024, 1024, 24
BASE = evolve(SAMPLE_MODEL, name="text", layers=8, hidden=1024, heads=16)
PLAN = {"gpu": "h100-sxm-80gb", "dtype": "bf16", "tp": 1, "pp": 1, "dp": 1, "batch": 8, "output_tokens": 64}
COST_MODELS = ("megatron", "roofline")


@frozen(eq=False)
class Seeing:
    """A text model behind a tower of 24 layers that reads one image of 1,024 patches with each prompt."""

    name: str = "seeing"
    layers: int = BASE.layers
    max_seq_len: int | None = None
    training_seq_len: int | None = None
    training_tokens: float | None = None

    def parameters_by_part(self):
        """Those of the text model, and 12 h^2 of each layer of the tower."""
        return {**BASE.parameters_by_part(), "vision": 12 * WIDTH**2 * DEPTH}

    def lower(self, batch, seq_len, context=None, phase=Phase.TRAINING):
        """The tower stands before the text and does not run while answers are written."""
        lowered = BASE.lower(batch, seq_len, context, phase)
        tower = () if phase is Phase.DECODE else self.tower(1.0 * batch)
        text = lowered.embedding
        embedding = Block((*text.operators, *tower), text.parameters + 12 * WIDTH**2 * DEPTH)
        return LoweredModel(embedding, lowered.layers, lowered.head)

    def tower(self, images):
        """All layers at once, as wide as one is deep: 24 matrices side by side, each 1,024 x 12,288, and attention."""
        rows, states = images * PATCHES, Tensor(images * PATCHES * WIDTH * DEPTH)
        square = 2.0 * images * PATCHES**2 * WIDTH * DEPTH
        matrices = Operator(
            "tower: matrices", "vision", 24.0 * rows * WIDTH**2 * DEPTH, 12.0 * WIDTH**2 * DEPTH, (states,),
            gemm=Gemm(rows, 12 * WIDTH, WIDTH, DEPTH), works=Works.SEQUENCE,
        )  # fmt: skip
        scores = Operator(
            "tower: scores", "vision", square, inputs=(states, states), scores=Scores(2.0 * PATCHES, 64, 1.0),
            works=Works.SEQUENCE,
        )  # fmt: skip
        mixed = Operator("tower: values", "vision", square, inputs=(states, states), works=Works.SEQUENCE)
        return (matrices, scores, mixed)

    def kv_cache(self, batch, tokens):
        """Of the text."""
        return BASE.kv_cache(batch, tokens)


SEEING = Seeing()


def both(cost_model, **options):
    """With the tower and without."""
    return [infer(model=model, cost_model=cost_model, **{**PLAN, **options}) for model in (SEEING, BASE)]


def test_it_keeps_the_contract():
    """If it fails, the figures below are of a model that contradicts itself."""
    check_model(SEEING)


@pytest.mark.parametrize("cost_model", COST_MODELS)
def test_a_tower_is_not_priced_while_answers_are_written(cost_model):
    """If it fails, each token of an answer pays for an image that was read long ago."""
    seeing, blind = both(cost_model, prompt_tokens=512)
    assert seeing.decode_seconds_per_token == pytest.approx(blind.decode_seconds_per_token)
    assert seeing.prefill_seconds > blind.prefill_seconds


@pytest.mark.parametrize("cost_model", COST_MODELS)
def test_a_tower_is_priced_once_a_prompt_however_long_that_is(cost_model):
    """If it fails, a tower of 24 layers is priced 1,024 times: once for each token of the text.

    8 images of 24 x 24 h^2 FLOPs a patch and 4 x 1,024 x 24 h for its attention, at the peak or a third of it.
    """
    short, long = (
        seeing.prefill_seconds - blind.prefill_seconds
        for seeing, blind in (both(cost_model, prompt_tokens=tokens) for tokens in (256, 2048))
    )
    assert long == pytest.approx(short, rel=0.1)
    flops = 8 * PATCHES * DEPTH * (24 * WIDTH**2 + 4 * PATCHES * WIDTH)
    assert flops / 989.5e12 < short < 3 * flops / 989.5e12


def test_a_tower_is_trained():
    """If it fails, an image is free in training."""
    plan = {"gpu": "h100-sxm-80gb", "gpus": 8, "tokens": 1e9, "seq_len": 2048, "global_batch": 64}
    seeing, blind = (train(model=model, **plan) for model in (SEEING, BASE))
    images = 64 * PATCHES * DEPTH * (24 * WIDTH**2 + 4 * PATCHES * WIDTH)
    assert seeing.model_flops - blind.model_flops == pytest.approx(3 * images)


def test_operators_that_both_phases_have_are_one():
    """If it fails, a pass that reads and writes multiplies by the same weights twice."""
    lowered = lowered_for_serving(SEEING)
    operators = [operator for block in (lowered.embedding, *lowered.layers) for operator in block.operators]
    once = [operator.name for operator in operators if operator.works is Works.SEQUENCE]
    assert once == ["tower: matrices", "tower: scores", "tower: values"]
    assert {operator.works for operator in operators if operator.name not in once} == {Works.ALL}
