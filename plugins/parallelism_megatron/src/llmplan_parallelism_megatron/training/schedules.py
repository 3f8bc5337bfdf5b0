"""The pipeline schedules that this package offers."""

from __future__ import annotations

from llmplan.arrays.quantities import Number, maximum, minimum, where
from llmplan.arrays.term import term
from llmplan.records import PipelineTimes, Schedule

_NARAYANAN = "Narayanan et al. 2021, arXiv:2104.04473, section 2.2"
_KORTHIKANTI = "Korthikanti et al. 2022, arXiv:2205.05198, section 4.2.3"
_DEEPSEEK = "DeepSeek-AI 2024, arXiv:2412.19437, section 3.2.1 and table 2"
_QI = "Qi et al. 2023, arXiv:2401.10241, table 2"


@term("others / v", unit="s", source=_NARAYANAN)
def interleaved_bubble_seconds(others: Number, v: Number) -> Number:
    """A stage waits until the first micro-batch has come down to it, and until the last has gone up again: the other
    stages' time of one micro-batch, (p - 1)(t_f + t_b) where stages are equal. With v chunks a stage each wait is a
    v-th. It binds where micro-batches are few: it is (p - 1) / (m v) of the work.
    """
    return others / v


@term("max(others - others_weights - min(m - 1, p - 1) * own_weights, 0) / v", unit="s", source=_QI)
def zero_bubble_seconds(
    others: Number, others_weights: Number, own_weights: Number, p: Number, v: Number, m: Number
) -> Number:
    """ZB-H1 fills the bubble with gradients of weights, which nobody waits for: (p - 1)(t_f + t_b - 2 t_w) is left
    where there are as many micro-batches as stages; with fewer, fewer gradients are there to fill with. Here t_b is of
    inputs and weights together, of inputs alone in the paper: (p - 1)(T_F + T_B - T_W).
    """
    filled = others_weights + minimum(m - 1.0, p - 1.0) * own_weights
    return maximum(others - filled, 0.0) / v


@term("min(m, p)", unit="micro-batches", source="Narayanan et al. 2021, arXiv:2104.04473, section 2.2.1")
def in_flight(m: Number, p: Number) -> Number:
    """Under 1F1B the first stage begins p micro-batches before it has the first back."""
    return minimum(p, m)


@term(
    "min(m, p + (p - 1) / v)", unit="micro-batches", source="Korthikanti et al. 2022, arXiv:2205.05198, section 4.2.3"
)
def interleaved_in_flight(m: Number, p: Number, v: Number) -> Number:
    """Interleaved chunks hold 1 + (p - 1)/(p v) times as much."""
    return minimum(p + (p - 1) / v, m)


@term("min(m, (p * (v - 1) + 1) / v)", unit="micro-batches", source="Megatron-LM, core/pipeline_parallel/schedules.py")
def last_in_flight(m: Number, p: Number, v: Number) -> Number:
    """The last stage has one micro-batch at a time, and a v-th of p (v - 1) + 1 of them where chunks are interleaved:
    it goes forward with p micro-batches in each chunk but its last before it turns back.
    """
    return minimum((p * (v - 1) + 1) / v, m)


@term("max((p/2 - 1) / max(p - 1, 1) * (others - others_weights), 0)", unit="s", source=_DEEPSEEK)
def dualpipe_bubble_seconds(others: Number, others_weights: Number, p: Number) -> Number:
    """DualPipe leaves (p/2 - 1)(F&B + B - 3W) with micro-batches from both ends: F&B is a forward and a backward pass
    side by side, and W, the gradients of weights, takes half of a backward pass B.
    """
    return maximum((0.5 * p - 1.0) / maximum(p - 1.0, 1.0) * (others - others_weights), 0.0)


def _dualpipe(times: PipelineTimes) -> Number:
    return dualpipe_bubble_seconds(times.others, times.others_weights, times.p)


def _from_both_ends(p: Number, _v: Number, m: Number) -> Number:
    return minimum(p + 1.0, m)


def _one_f_one_b(times: PipelineTimes) -> Number:
    return interleaved_bubble_seconds(times.others, times.v)


def _zero_bubble(times: PipelineTimes) -> Number:
    return zero_bubble_seconds(*times)


def _interleaved_or_not(p: Number, v: Number, m: Number) -> Number:
    return where(v > 1, interleaved_in_flight(m, p, v), in_flight(m, p))


def _one_chunk(p: Number, _v: Number, m: Number) -> Number:
    return in_flight(m, p)


ONE_F_ONE_B = Schedule(
    name="1f1b",
    default=True,
    description="one forward, one backward; interleaved where stages hold several chunks",
    bubble_seconds=_one_f_one_b,
    in_flight=_interleaved_or_not,
    interleaves=True,
    source=_NARAYANAN,
)
ZERO_BUBBLE = Schedule(
    name="zero-bubble",
    description="gradients of weights fill the bubble (ZB-H1)",
    bubble_seconds=_zero_bubble,
    in_flight=_one_chunk,
    source=_QI,
)
DUALPIPE = Schedule(
    name="dualpipe",
    description="micro-batches from both ends, tokens on their way to experts behind computation (DualPipe)",
    bubble_seconds=_dualpipe,
    in_flight=_from_both_ends,
    both_ways=True,
    on_request=True,
    source=_DEEPSEEK,
)
SCHEDULES = (ONE_F_ONE_B, ZERO_BUBBLE, DUALPIPE)
