"""The door: every option of every command takes what it should, and refuses the rest with a message that helps."""

from __future__ import annotations

from math import inf, nan

import pytest

from llmplan.errors import BadInputError
from llmplan.records import OFFLOADS, Recompute, Tuning
from llmplan.request import InferRequest, InferSearchRequest, SearchRequest, TrainRequest, option_name, options_of

WHOLE = {
    "samples",
    "gpus", "tp", "pp", "dp", "micro_batch", "gradient_accumulation", "global_batch", "seq_len",
    "batch", "prompt_tokens", "output_tokens", "cp", "ep", "vpp", "zero_group", "lora_rank",
    "gpus_per_node", "expert_tp",
    "concurrency", "step_tokens", "max_sequences", "speculative_tokens", "prefill_replicas", "prefill_tp", "prefill_pp",
    "max_model_len",
}  # fmt: skip
WHOLE_OR_AUTO = {"max_micro_batch"}
WHOLE_OR_FILE = {"sample_tokens"}
WHOLE_OR_ZERO = {"requests", "seed"}
PART = {"prefix_hit_rate"}
SHARE = {"memory_headroom"}
CONFIDENCE = {"confidence"}
STAGE = {"zero"}
LATENCY = {"ttft", "tpot", "latency"}
PERCENTILE = {"percentile"}
RATE = {"rate"}
POSITIVE = {
    "tokens", "global_batch_tokens", "failures_per_gpu_day", "checkpoint_seconds", "checkpoint_gb_per_s",
    "checkpoint_interval", "nic_gbits", "host_bandwidth", "host_memory", "epochs",
}  # fmt: skip
NOT_NEGATIVE = {"price_per_gpu_hour", "restart_seconds"}
AT_LEAST_ONE = {"expert_imbalance", "pue", "oversubscription", "peak"}
FRACTION = {
    "flops_efficiency", "hbm_efficiency", "scale_up_efficiency", "scale_out_efficiency", "mfu", "acceptance_rate",
    "memory_utilization",
}  # fmt: skip
FLAG = {
    "assume_transformer",
    "sequence_parallel",
    "master_weights",
    "cuda_graphs",
    "ideal",
    "chunked_prefill",
    "max_batch",
    "max_context",
    "packing",
}
NAME = {
    "model",
    "gpu",
    "cluster",
    "dtype",
    "cost_model",
    "framework",
    "optimizer",
    "schedule",
    "engine",
    "draft_model",
    "server_model",
    "site",
}
TEXT = {"trace", "lora_targets", "cross_entropy", "price_market", "price_region", "price_file"}
MONEY = {"price", "carbon", "api_price"}
LENGTHS = {"prompt_lengths", "output_lengths", "sample_lengths"}
CHOICE = {"recompute", "tuning", "offload"}
BITS = {"kv_bits", "frozen_bits", "gradient_bits", "reduction_bits"}
NUMERIC = (
    WHOLE
    | WHOLE_OR_AUTO
    | WHOLE_OR_FILE
    | WHOLE_OR_ZERO
    | STAGE
    | LATENCY
    | RATE
    | POSITIVE
    | NOT_NEGATIVE
    | AT_LEAST_ONE
    | FRACTION
    | PART
    | CONFIDENCE
    | SHARE
    | BITS
)

ALL = [(request, name) for request in (TrainRequest, InferRequest) for name in options_of(request)]


def of(kinds: set[str]) -> list[tuple[type, str]]:
    """The options of these kinds, with the request that each belongs to."""
    return [(request, name) for request, name in ALL if name in kinds]


def refusal(request: type, name: str, value: object) -> str:
    """The message with which a value is refused."""
    with pytest.raises(BadInputError) as caught:
        request(**{name: value})
    return str(caught.value)


def taken(request: type, name: str, value: object) -> object:
    """What the request holds after it was given this value."""
    return getattr(request(**{name: value}), name)


def test_every_option_is_of_a_kind_that_is_tested_here():
    """If it fails, an option joined (or left) whose bad values nobody looks at."""
    assert {name for _, name in ALL} == NUMERIC | FLAG | NAME | TEXT | MONEY | LENGTHS | CHOICE | PERCENTILE


@pytest.mark.parametrize(("request_", "name"), of(NUMERIC))
def test_no_number_of_any_option_may_be_nonsense(request_, name):
    """If it fails, NaN, infinity, a negative number, a boolean or a word gets into the formulas."""
    for value in (nan, inf, -inf, "nan", "inf", -1, "-1", True, False, "x", "", "1.4X", [], {}, b"8"):
        message = refusal(request_, name, value)
        assert message.startswith(f"{option_name(name)}: {value!r} is not a ")
        assert "\n" not in message


@pytest.mark.parametrize(("request_", "name"), of(WHOLE | WHOLE_OR_AUTO | POSITIVE | AT_LEAST_ONE | FRACTION | BITS))
def test_zero_is_refused_where_it_means_nothing(request_, name):
    """If it fails, a plan divides by zero or costs nothing."""
    for value in (0, 0.0, "0"):
        assert refusal(request_, name, value).startswith(f"{option_name(name)}: {value!r} is not ")


@pytest.mark.parametrize(("request_", "name"), of(WHOLE | WHOLE_OR_AUTO))
def test_counts_are_whole(request_, name):
    """If it fails, 8.5 GPUs become 8 without a word."""
    for value in (8.5, "8.5", 0.1, "1e-3"):
        wanted = "a whole number of at least 1" + (", or auto" if name in WHOLE_OR_AUTO else "")
        assert refusal(request_, name, value) == f"{option_name(name)}: {value!r} is not {wanted}"


@pytest.mark.parametrize(("request_", "name"), of(WHOLE | WHOLE_OR_AUTO))
def test_counts_are_taken_as_people_write_them(request_, name):
    """If it fails, a count that is plain to a person is refused, or becomes a float."""
    for value, number in ((8, 8), ("8", 8), (8.0, 8), ("2K", 2000), ("1e3", 1000), ("1_024", 1024)):
        result = taken(request_, name, value)
        assert result == number
        assert type(result) is int


@pytest.mark.parametrize(("request_", "name"), of(POSITIVE))
def test_amounts_are_taken_as_people_write_them(request_, name):
    """If it fails, 1.4T tokens are not 1.4e12, or stay an int that overflows in an array."""
    for value, number in (
        (1.4e12, 1.4e12),
        ("1.4e12", 1.4e12),
        ("1.4T", 1.4e12),
        ("4M", 4e6),
        (4_000_000, 4e6),
        (7, 7.0),
    ):
        result = taken(request_, name, value)
        assert (value, result) == (value, number)
        assert type(result) is float


@pytest.mark.parametrize(("request_", "name"), of(FRACTION))
def test_an_efficiency_above_one_is_refused(request_, name):
    """If it fails, 50 for 50 % makes a run a hundred times too fast."""
    for value in (1.01, "2", 50, "101%"):
        message = refusal(request_, name, value)
        assert message == f"{option_name(name)}: {value!r} is not a fraction above 0 and at most 1"


@pytest.mark.parametrize(("request_", "name"), of(PART))
def test_a_part_may_be_none_or_all_and_no_more(request_, name):
    """If it fails, the default of an option cannot be said, or more than there is can."""
    assert [getattr(request_(**{name: value}), name) for value in (0, "0.5", 1)] == [0.0, 0.5, 1.0]
    assert refusal(request_, name, 1.01) == f"{option_name(name)}: 1.01 is not a fraction from 0 to 1"


@pytest.mark.parametrize(("request_", "name"), of(FRACTION))
def test_fractions_are_taken(request_, name):
    """If it fails, an honest efficiency is refused."""
    assert [taken(request_, name, value) for value in (1, "0.5", 1e-9)] == [1.0, 0.5, 1e-9]


@pytest.mark.parametrize("value", [4, "4", 1e9])
def test_there_are_four_zero_stages(value):
    """If it fails, a ZeRO stage that does not exist is priced as stage 3."""
    assert refusal(TrainRequest, "zero", value) == f"zero: {value!r} is not a whole number, 0 to 3"


@pytest.mark.parametrize("value", [0, 1, 2, 3, "0", "3"])
def test_zero_stages_are_taken(value):
    """If it fails, a ZeRO stage cannot be asked for."""
    assert taken(TrainRequest, "zero", value) == int(value)


def test_a_price_may_be_nothing_but_not_less():
    """If it fails, GPUs that are one's own cannot be planned with, or cost is negative."""
    assert taken(TrainRequest, "price_per_gpu_hour", 0) == 0
    assert refusal(TrainRequest, "price_per_gpu_hour", "-0.01") == (
        "price-per-gpu-hour: '-0.01' is not a number of at least 0"
    )


@pytest.mark.parametrize(("request_", "name"), of(FLAG))
def test_flags_are_taken(request_, name):
    """If it fails, a flag in a file or in Python says the opposite."""
    for value, flag in ((True, True), ("true", True), ("Yes", True), ("no", False), (False, False)):
        assert taken(request_, name, value) is flag, value


@pytest.mark.parametrize(("request_", "name"), of(FLAG))
def test_flags_are_true_or_false(request_, name):
    """If it fails, something that is neither true nor false is taken for one of them."""
    for value in (0, 1, "on?", "", 1.0):
        assert refusal(request_, name, value) == f"{option_name(name)}: {value!r} is not true or false"


@pytest.mark.parametrize(("request_", "name"), of(NAME))
def test_a_name_is_not_empty(request_, name):
    """If it fails, an empty shell variable is looked up as a name."""
    for value in ("", "   "):
        assert refusal(request_, name, value) == f"{option_name(name)}: {value!r} is not a name"


@pytest.mark.parametrize(("request_", "name"), of(NAME))
def test_a_name_or_a_record_is_taken(request_, name):
    """If it fails, a record cannot stand where its name does, or a stray blank makes a name unknown."""
    record = object()
    assert taken(request_, name, record) is record
    assert taken(request_, name, " llama-65b ") == "llama-65b"


def test_the_largest_micro_batch_may_be_left_to_memory():
    """If it fails, --max-micro-batch auto is refused, or another word is taken for it."""
    assert taken(TrainRequest, "max_micro_batch", "auto") == "auto"
    for value in ("AUTO", "automatic", "auto "):
        assert refusal(TrainRequest, "max_micro_batch", value).startswith(f"max-micro-batch: {value!r} is not a whole ")


@pytest.mark.parametrize(("request_", "name"), of(AT_LEAST_ONE))
def test_a_factor_is_at_least_one(request_, name):
    """If it fails, the busiest rank has less than the mean, or a data center takes less power than its GPUs."""
    assert taken(request_, name, "1") == 1
    assert taken(request_, name, 1.5) == 1.5
    assert refusal(request_, name, 0.99) == f"{option_name(name)}: 0.99 is not a number of at least 1"


WORDS = {
    "recompute": {mode.label: mode for mode in Recompute},
    "tuning": {"full": Tuning.FULL, "lora": Tuning.LORA, "qlora": Tuning.QLORA},
    "offload": {word: word for word in OFFLOADS},
}
"""By option: the words that it takes, and what each stands for."""


def test_every_word_that_is_offered_is_tried():
    """If it fails, a shell completes a word that nobody has tried, or misses one."""
    assert set(WORDS) == CHOICE
    for name, words in WORDS.items():
        assert options_of(TrainRequest)[name]["names"]() == list(words)


@pytest.mark.parametrize(("name", "word"), [(name, word) for name, words in WORDS.items() for word in words])
def test_words_are_taken_by_name_and_as_such(name, word):
    """If it fails, a recompute mode, a schedule or the like cannot be asked for."""
    meaning = WORDS[name][word]
    assert taken(TrainRequest, name, word) is taken(TrainRequest, name, meaning) is meaning


@pytest.mark.parametrize("name", WORDS)
@pytest.mark.parametrize("value", ["selective", "", "FULL", True, 1, None.__class__])
def test_an_unknown_word_says_which_there_are(name, value):
    """If it fails, a wrong word is priced as another, or the message does not help."""
    words = ", ".join(WORDS[name])
    assert refusal(TrainRequest, name, value) == f"{name}: {value!r} is not one of {words}"


@pytest.mark.parametrize("request_", [TrainRequest, InferRequest])
def test_nothing_is_given_until_it_is(request_):
    """If it fails, a default sits in the request, where the planner cannot say that it was assumed."""
    for empty in (request_(), request_(**dict.fromkeys(options_of(request_)))):
        assert {name: getattr(empty, name) for name in options_of(request_)} == dict.fromkeys(options_of(request_))


@pytest.mark.parametrize("request_", [TrainRequest, InferRequest])
def test_every_option_has_a_help_text(request_):
    """If it fails, --help lists an option without saying what it is."""
    assert all(metadata["help"].endswith(".") and metadata["metavar"] for metadata in options_of(request_).values())


def test_an_option_that_does_not_exist_is_refused():
    """If it fails, a misspelt option in Python is ignored."""
    with pytest.raises(TypeError, match="micro_bach"):
        TrainRequest(micro_bach=4)


@pytest.mark.parametrize(("request_", "name"), of(BITS))
@pytest.mark.parametrize("bits", [0, -8, 65, "1.4T", "nan", True])
def test_bits_that_no_element_has_are_refused(request_, name, bits):
    """If it fails, a KV cache or a gradient of a trillion bits an element is priced."""
    with pytest.raises(BadInputError, match="is not a number of bits, above 0 and at most 64"):
        request_(**{name: bits})


@pytest.mark.parametrize(("request_", "name"), of(BITS))
def test_bits_may_be_fractions(request_, name):
    """If it fails, the scales of a block format cannot be counted."""
    assert taken(request_, name, "4.5") == 4.5


@pytest.mark.parametrize(
    ("given", "per_second"), [("2/s", 2), ("90/min", 1.5), ("3600/h", 1), ("1K/s", 1000), ("2", 2), (0.5, 0.5)]
)
def test_rates_are_taken_as_people_write_them(given, per_second):
    """If it fails, a rate an hour is served as one a second."""
    assert taken(InferRequest, "rate", given) == per_second


@pytest.mark.parametrize("given", ["abc", "2/day off", "0/s", "-1/s", "/s", "nan/s", 0, True])
def test_what_is_no_rate_is_refused_with_examples(given):
    """If it fails, the message speaks of training tokens, or a server has nothing to do."""
    assert refusal(InferRequest, "rate", given) == f"rate: {given!r} is not a rate like 2/s, 90/min or 5000/h"


@pytest.mark.parametrize(("request_", "name"), of(LENGTHS))
@pytest.mark.parametrize("given", ["uniform", "fixed:0.3", "normal:0.3", "uniform:x", "uniform:5", 5])
def test_what_is_no_shape_of_lengths_is_refused(request_, name, given):
    """If it fails, a simulation draws lengths of another shape than was asked for."""
    message = refusal(request_, name, given)
    assert message.startswith(f"{option_name(name)}: ")
    assert repr(given).rpartition(":")[2].strip("'") in message


@pytest.mark.parametrize(
    ("request_", "name", "typed", "value"),
    [
        (TrainRequest, "tokens", "2 trillion", 2e12),
        (TrainRequest, "seq_len", "32k", 32_000),
        (TrainRequest, "seq_len", "32Ki", 32_768),
        (TrainRequest, "mfu", "38%", 0.38),
        (TrainRequest, "confidence", "80 %", 0.8),
        (TrainRequest, "price_per_gpu_hour", "$2.5", 2.5),
        (TrainRequest, "price_per_gpu_hour", "2.50 USD/h", 2.5),
        (TrainRequest, "price_per_gpu_hour", "3 dollars per GPU-hour", 3.0),
        (TrainRequest, "checkpoint_gb_per_s", "80GB/s", 80.0),
        (TrainRequest, "nic_gbits", "400G", 400.0),
        (TrainRequest, "nic_gbits", "400 Gbit/s", 400.0),
        (TrainRequest, "restart_seconds", "10 min", 600.0),
        (TrainRequest, "checkpoint_interval", "1h30m", 5400.0),
        (SearchRequest, "finish_within", "21 days", 21 * 86_400.0),
        (SearchRequest, "finish_within", "3w", 21 * 86_400.0),
        (SearchRequest, "finish_within", "2d 12h", 2.5 * 86_400.0),
        (SearchRequest, "budget", "$2M", 2e6),
        (SearchRequest, "budget", "2 million", 2e6),
        (InferRequest, "kv_bits", "fp8", 8.0),
        (InferRequest, "kv_bits", "fp8_e4m3", 8.0),
        (InferRequest, "kv_bits", "16-bit", 16.0),
        (InferRequest, "rate", "2 rps", 2.0),
        (InferRequest, "rate", "120/minute", 2.0),
        (InferSearchRequest, "ttft", "500 ms", 0.5),
    ],
)
def test_numbers_are_read_as_people_type_them(request_, name, typed, value):
    """If it fails, a newcomer's first command is refused for a unit, or answers another question."""
    assert getattr(request_(**{name: typed}), name) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("request_", "name", "typed"),
    [
        (TrainRequest, "price_per_gpu_hour", "cheap"),
        (TrainRequest, "price_per_gpu_hour", "$-2"),
        (SearchRequest, "finish_within", "3 fortnights"),
        (SearchRequest, "finish_within", "2d and 3"),
        (InferRequest, "kv_bits", "fp"),
        (InferRequest, "rate", "2/fortnight"),
        (TrainRequest, "mfu", "%"),
        (TrainRequest, "nic_gbits", "G"),
    ],
)
def test_what_nobody_means_is_refused(request_, name, typed):
    """If it fails, a slip of the pen is priced as if it had been meant."""
    assert refusal(request_, name, typed).startswith(f"{option_name(name)}: ")


@pytest.mark.parametrize("name", sorted(LATENCY))
def test_a_latency_needs_its_unit_where_it_is_text(name):
    """If it fails, 40 for 40 ms is taken for 40 seconds, which any server keeps to."""
    for value in ("40", "0.04", " 3 ", "1e3"):
        assert "is not a time with its unit, like " in refusal(InferRequest, name, value)
    for value, seconds in (("40ms", 0.04), ("0.5s", 0.5), (" 2 s ", 2.0), (0.04, 0.04), (1, 1.0)):
        assert taken(InferRequest, name, value) == pytest.approx(seconds)


def test_forty_seconds_for_a_token_have_lost_their_unit():
    """If it fails, `tpot = 40` of a plan file holds whatever is served."""
    assert refusal(InferRequest, "tpot", 40) == "tpot: 40 is not a time of 10 s at most, like 50ms or 0.05s"
    assert taken(InferRequest, "latency", 40) == 40.0


def test_a_percentile_or_the_mean():
    """If it fails, what limits latencies is one of the figures that nobody counts."""
    assert [taken(InferRequest, "percentile", value) for value in (95, "99", 50.0, "mean")] == [95, 99, 50, "mean"]
    assert refusal(InferRequest, "percentile", 80) == "percentile: 80 is not one of 50, 90, 95, 99 or mean"


@pytest.mark.parametrize(("request_", "name"), of(MONEY))
def test_no_price_is_nonsense(request_, name):
    """If it fails, a negative amount, NaN, a list or a slip in a result gets into the formulas."""
    for value in (-1, "-1", nan, inf, "", "2.5.1", "-1/2", True, [], {}, b"8", {"per_gpu_hour": "2"}):
        message = refusal(request_, name, value)
        assert message.startswith(f"{option_name(name)}: ")
        assert "\n" not in message


def test_prices_are_taken_as_people_and_results_write_them():
    """If it fails, a price of a provider's page has to be rewritten, or a result does not come back as it was."""
    assert [taken(TrainRequest, "price", value) for value in ("2.5", "$2.5/h", 2, "Median")] == [
        2.5,
        2.5,
        2.0,
        "Median",
    ]
    assert [taken(TrainRequest, "carbon", value) for value in ("369 g/kWh", "400g", "france")] == [369, 400, "france"]
    assert [taken(InferRequest, "api_price", value).label for value in ("3/15", "$3/$15", 0.6)] == [
        "3/15",
        "3/15",
        "0.6/0.6",
    ]
    table = {"per_gpu_hour": 2.1, "provider": "own", "date": "2026-11-01", "terms": {"capital": 2.0, "power": 0.1}}
    price = taken(TrainRequest, "price", table)
    assert (price.table, price.own) == (table, True)
    for wrong, said in (({"provider": "x"}, "per_gpu_hour: missing"), ({**table, "dat": "x"}, "dat: not a key")):
        assert said in refusal(TrainRequest, "price", wrong)
