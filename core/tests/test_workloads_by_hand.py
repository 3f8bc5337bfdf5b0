"""What users ask of a server: lengths one by one, and the pairs that stand for all."""

from math import sqrt
from statistics import NormalDist

import pytest

from llmplan.records import FAMILIES, Lengths, Request, Workload
from llmplan.records.workload import USUAL, Variation

UNIFORM, LOGNORMAL, GEOMETRIC = (FAMILIES[name] for name in ("uniform", "lognormal", "geometric"))
FOUR = Lengths(4)


def test_quantiles_of_each_family():
    """Prompts of a rank would be as long as those of another one, or of another spread."""
    assert FAMILIES["fixed"].quantile(100.0, 0.5, 0.9) == 100
    assert [UNIFORM.quantile(100.0, 0.2, p) for p in (0.0, 0.5, 0.75, 1.0)] == pytest.approx(
        [100 * (1 - sqrt(3) * 0.2), 100, 100 * (1 + sqrt(3) * 0.1), 100 * (1 + sqrt(3) * 0.2)]
    )
    assert LOGNORMAL.quantile(100.0, sqrt(3), 0.5) == pytest.approx(100 / 2)  # e^(-s^2 / 2), where e^(s^2) is 1 + cv^2
    above = LOGNORMAL.quantile(100.0, 0.5, NormalDist().cdf(1.0)) / LOGNORMAL.quantile(100.0, 0.5, 0.5)
    below = LOGNORMAL.quantile(100.0, 0.5, 0.5) / LOGNORMAL.quantile(100.0, 0.5, NormalDist().cdf(-1.0))
    assert above == pytest.approx(below)
    # of a mean of 4 a quarter is one token long, 7/16 two at most, 37/64 three
    assert [GEOMETRIC.quantile(4.0, 0.0, p) for p in (0.1, 0.24, 0.26, 0.43, 0.44, 0.57)] == [1, 1, 2, 2, 3, 3]
    assert [GEOMETRIC.quantile(1.5, 0.0, p) for p in (0.6, 0.7)] == [1, 2]
    assert GEOMETRIC.quantile(1.0, 0.0, 0.9) == 1


def test_lengths_are_whole_and_none_is_rarer_than_one_of_some_thousand():
    """A prompt would have no token, or the longest be one that nobody sends."""
    assert Lengths(1, UNIFORM, 0.57).quantile(0.0) == 1
    wide = Lengths(1000, LOGNORMAL, 1.0)
    assert wide.quantile(1.0) == round(LOGNORMAL.quantile(1000.0, 1.0, 0.9995))
    assert wide.quantile(0.0) == round(LOGNORMAL.quantile(1000.0, 1.0, 0.0005))
    assert wide.quantile(0.3) == round(LOGNORMAL.quantile(1000.0, 1.0, 0.3))


@pytest.mark.parametrize(
    ("lengths", "label"),
    [
        (Lengths(1024), "1,024"),
        (Lengths(1024, UNIFORM, 0.2 / sqrt(3)), "1,024 ± 20 %"),
        (Lengths(1024, UNIFORM, 1 / sqrt(3)), "1,024 ± 100 %"),
        (Lengths(1024, LOGNORMAL, 0.5), "1,024 on average (lognormal, cv 0.5)"),
        (Lengths(1024, GEOMETRIC), "1,024 on average (geometric)"),
    ],
)
def test_lengths_say_how_far_they_vary(lengths, label):
    """A report would name another spread than the one that it is reckoned with."""
    assert lengths.label == label


def test_a_variation_is_written_as_it_is_asked_for():
    """A plan file would not say how lengths vary, or that fixed ones do."""
    assert [Variation(UNIFORM, 0.3).label, Variation(FAMILIES["fixed"]).label] == ["uniform:0.3", "fixed"]


def test_a_prompt_leaves_room_for_an_answer():
    """A model would take more than its context, or a prompt take all of it."""
    load = Workload(rate=1.0, prompt=Lengths(20), output=Lengths(5), context=10)
    assert load.lengths == [(9, 1)]
    assert load.longest == (9, 10)
    assert Workload(rate=1.0, prompt=Lengths(6), output=Lengths(5), context=10).lengths == [(6, 4)]
    assert Workload(rate=1.0, prompt=Lengths(20), output=Lengths(5)).lengths == [(20, 5)]


def test_the_longest_prompt_may_have_the_longest_answer():
    """Memory would be set aside for a short answer, or for what stands in another request of a trace."""
    varying = Workload(rate=1.0, prompt=Lengths(100, UNIFORM, 0.2), output=Lengths(50, UNIFORM, 0.4))
    prompt, answer = round(100 * (1 + sqrt(3) * 0.2 * 0.999)), round(50 * (1 + sqrt(3) * 0.4 * 0.999))
    assert varying.longest == (prompt, prompt + answer)
    trace = (Request(0.0, 9, 1), Request(0.5, 2, 9))
    assert Workload(trace=trace, prompt=FOUR, output=FOUR).longest == (9, 11)


@pytest.mark.parametrize(("arrivals", "rate"), [((1.0, 1.25, 1.5), 4), ((0.0, 0.5), 2), ((2.0, 2.0), None)])
def test_a_trace_comes_at_its_own_rate(arrivals, rate):
    """Requests would come faster because a trace begins late, or those of one instant at a rate."""
    trace = tuple(Request(at, 1, 1) for at in arrivals)
    assert Workload(trace=trace, prompt=FOUR, output=FOUR).offered_rate == rate


def test_how_far_lengths_may_vary():
    """A shortest prompt would be below nothing, lengths vary that are fixed, or usual ones by more than a fifth."""
    assert UNIFORM.quantile(100.0, UNIFORM.most_cv, 0.0) == pytest.approx(0, abs=1e-9)
    assert [FAMILIES[name].most_cv for name in ("fixed", "geometric")] == [0, 0]
    shortest, longest = (USUAL.family.quantile(100.0, USUAL.cv, p) for p in (0.0, 1.0))
    assert (shortest, longest) == (pytest.approx(80, abs=0.1), pytest.approx(120, abs=0.1))
    assert Workload(rate=3.0, prompt=FOUR, output=FOUR).peak == 1  # what comes is what is paid for


@pytest.mark.parametrize(
    ("prompt", "output", "many"),
    [
        (Lengths(16), Lengths(4), 1),
        (Lengths(1000, UNIFORM, 0.1), Lengths(1000, UNIFORM, 0.2), 32),
        (Lengths(1000, UNIFORM, 0.1), Lengths(4), 32),
        (Lengths(2, UNIFORM, 0.5 / sqrt(3)), Lengths(4), 32),  # from one to three: three times as many
        (Lengths(1000, UNIFORM, 0.6 / sqrt(3)), Lengths(4), 256),  # 4 times as many
        (Lengths(16), Lengths(1000, LOGNORMAL, 1.0), 256),
        (Lengths(1000, LOGNORMAL, 1.0), Lengths(1000, UNIFORM, 0.1), 256),
    ],
)
def test_pairs_stand_for_all_lengths(prompt, output, many):
    """Long prompts would always have long answers, some lengths be there twice, or a wide spread have few of them."""
    pairs = Workload(rate=1.0, prompt=prompt, output=output).lengths
    each = [(index + 0.5) / many for index in range(many)]
    assert [one for one, _ in pairs] == [prompt.quantile(rank) for rank in each]
    assert sorted(one for _, one in pairs) == [output.quantile(rank) for rank in each]
    if many > 1 and output.varies:
        answers = [one for _, one in pairs]
        mean = sum(answers) / many
        spread = sqrt(sum((one - mean) ** 2 for one in answers) * sum((rank - 0.5) ** 2 for rank in each))
        assert abs(sum((one - mean) * rank for one, rank in zip(answers, each, strict=True)) / spread) < 0.1
