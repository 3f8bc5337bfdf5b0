"""Runs given in samples and epochs: steps, padding and packing, by hand and in every way of asking."""

import json

import pytest
from attrs import evolve

from llmplan import train
from llmplan.errors import BadInputError
from llmplan.output.document import document
from llmplan.records import FAMILIES, Samples
from llmplan.request.variation import FAMILY_WORDS
from llmplan.search import TrainingSpace, search

RUN = {
    "model": "llama-3.2-1b", "gpu": "h100-sxm-80gb", "gpus": 2, "tp": 1, "pp": 1, "cp": 1, "zero": 1,
    "recompute": "none", "micro_batch": 2, "global_batch": 8, "seq_len": 1024, "tuning": "lora",
    "framework": "hugging-face-trainer", "offload": "none",
}  # fmt: skip


@pytest.fixture
def two_lengths(tmp_path):
    path = tmp_path / "lengths.csv"
    path.write_text("tokens\n300\n100\n")
    return str(path)


def test_the_longest_of_several_samples_by_hand():
    """Padding would be that of the mean, or of the longest sample that there is, whatever lies beside it."""
    two = Samples(number=10, epochs=1.0, lengths=(100.0, 300.0), packed=False)
    assert [two.longest_of(many) for many in (1, 2, 3)] == [200, 250, 275]
    three = evolve(two, lengths=(1.0, 2.0, 9.0))
    assert three.longest_of(2) == pytest.approx((1 + 2 * 3 + 9 * 5) / 9)
    assert evolve(two, lengths=(7.0,)).longest_of(64) == 7


def test_samples_make_steps_and_padding_makes_time(two_lengths):
    """A data set would be gone over another number of times, at the length of a full sequence or of the mean, or in
    the memory of a short one.
    """
    estimate = train(**RUN, samples=1001, epochs=3, sample_tokens=two_lengths)
    assert estimate.iterations == 1001 * 3 // 8
    assert estimate.tokens_per_iteration == 8 * 200
    assert estimate.plan.tokens == 1001 * 3 * 200
    assert estimate.padding == pytest.approx(1 - 200 / 250)
    padded, whole = train(**{**RUN, "seq_len": 250}, tokens=1e6), train(**RUN, tokens=1e6)
    assert estimate.time_breakdown == padded.time_breakdown
    assert estimate.memory_breakdown == whole.memory_breakdown
    assert estimate.model_flops == train(**{**RUN, "seq_len": 200}, tokens=1e6).model_flops


def test_replicas_that_meet_in_every_micro_batch_wait_for_the_longest(two_lengths):
    """ZeRO 3 gathers every layer on all replicas at once: the longest of four samples would not hold up the others."""
    meets = train(**{**RUN, "zero": 3}, samples=1000, sample_tokens=two_lengths)
    assert meets.plan.worked_tokens == 100 + 200 * (1 - 0.5**4)
    assert train(**RUN, samples=1000, sample_tokens=two_lengths).plan.worked_tokens == 250


def test_packed_samples_fill_sequences(two_lengths):
    """Packing would leave padding, or another number of tokens."""
    packed = train(**RUN, samples=100_000, sample_tokens=two_lengths, packing=True)
    same = train(**RUN, tokens=100_000 * 200)
    assert (packed.iterations, packed.padding) == (100_000 * 200 // (8 * 1024), None)
    assert (packed.time_breakdown, packed.training_seconds) == (same.time_breakdown, same.training_seconds)


def test_long_samples_are_cut(two_lengths):
    """A sample longer than the sequence would count in full."""
    cut = train(**{**RUN, "seq_len": 200}, samples=1000, sample_tokens=two_lengths)
    assert cut.plan.tokens == 1000 * 150
    assert any("50.0% cut at seq-len 200" in said for said in cut.plan.assumptions)


def test_a_mean_has_the_mean_that_was_asked_for():
    """A distribution would be longer or shorter than asked."""
    assert ", ".join(f"{one.name}:CV" if one.most_cv else one.name for one in FAMILIES.values()) == FAMILY_WORDS
    for shape in ("fixed", "uniform:0.3", "lognormal:0.9", "geometric"):
        found = train(**{**RUN, "seq_len": 8192}, samples=1000, sample_tokens=400, sample_lengths=shape)
        assert found.plan.tokens == pytest.approx(400_000, rel=0.003), "but for what is cut"
    alone = train(**RUN, samples=1000)
    assert (alone.plan.tokens, alone.padding) == (1000 * 1024, 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 2}, "epochs: 2.0 needs samples"),
        ({"packing": True}, "packing: true needs samples"),
        ({"samples": 10, "tokens": 1e9}, "tokens: 1,000,000,000 contradicts samples 10"),
        ({"samples": 100, "sample_lengths": "uniform:0.2"}, "sample-lengths: uniform:0.2 needs sample-tokens"),
        ({"samples": 100, "sample_tokens": "nowhere.txt"}, "sample-tokens: nowhere.txt: No such file"),
        ({"samples": 100, "sample_tokens": 0}, "sample-tokens: 0 is not a whole number of at least 1, or a file"),
        ({"samples": 4}, "samples: 4,096 is less than one iteration of 8 sequences x 1,024"),
    ],
)
def test_what_makes_no_data_set_is_refused(options, said):
    """A contradiction would be priced as one of its two halves."""
    with pytest.raises(BadInputError, match=said):
        train(**RUN, **options)


def test_a_file_of_lengths_says_which_line_is_none(tmp_path):
    """A table of something else would be read as lengths."""
    path = tmp_path / "lengths.txt"
    path.write_text("12\n-3\n")
    with pytest.raises(BadInputError, match=r"lengths.txt: line 2: '-3' is not a whole number of at least 1"):
        train(**RUN, samples=100, sample_tokens=str(path))


def test_a_search_finds_what_train_prices(two_lengths, tmp_path):
    """Bounds would prune the best plan of samples, arrays price another padding, or a result lose its data set."""
    open_run = {name: value for name, value in RUN.items() if name not in ("micro_batch", "zero")}
    asked = {**open_run, "samples": 5000, "epochs": 2, "sample_tokens": two_lengths}
    best = train(**asked)
    every = search(TrainingSpace(**asked), prune=False, top=1).best[0]
    assert best.time_breakdown == every.time_breakdown
    assert best.plan.micro_batch == every.plan.micro_batch
    result = tmp_path / "result.json"
    result.write_text(json.dumps(document(best)))
    from llmplan.request import TrainRequest
    from llmplan.request.plan_file import read_plan

    again = train(**read_plan(str(result), TrainRequest))
    assert again.training_seconds == best.training_seconds
