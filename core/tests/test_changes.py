import pytest

from llmplan.request import InferRequest, TrainRequest, options_of
from llmplan.request.changes import several


@pytest.mark.parametrize(
    ("option", "text", "values"),
    [
        ("batch", "1..4", (1, 2, 4)),
        ("pp", "1..4", (1, 2, 3, 4)),
        ("rate", "1..4/s", ("1/s", "2/s", "4/s")),
        ("gpu", "../my-gpu.toml", None),
        ("gpu", "../my-gpu.toml,l40s", ("../my-gpu.toml", "l40s")),
        ("trace", "../trace.csv", None),
        ("prompt_lengths", "uniform:0.3,lognormal:0.5", ("uniform:0.3", "lognormal:0.5")),
        ("batch", "8", None),
        ("batch", 8, None),
        ("batch", [8], (8,)),
        ("no_such_option", "1,2", None),
    ],
)
def test_several_values(option, text, values):
    """If it fails, the name of a file is read as a range, or a range as the name of something."""
    assert several(InferRequest, option, text) == values


@pytest.mark.parametrize("request_", [TrainRequest, InferRequest])
def test_every_whole_number_is_for_sizes_that_need_not_double(request_):
    """If it fails, 1..8 of a pipeline leaves out 3, or 1..256 of a batch prices 256 plans."""
    every = {name for name, metadata in options_of(request_).items() if metadata["every"]}
    assert every == {"pp", "vpp", "zero", "prefill_pp"} & options_of(request_).keys()
