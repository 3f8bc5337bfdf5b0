"""Traces in CSV: as published ones are written, and what is said of a bad line."""

from __future__ import annotations

import pytest

from llmplan.errors import BadInputError
from llmplan.records import Request
from llmplan_serving_load.trace_file import read_trace

OURS = "arrival_seconds,prompt_tokens,output_tokens\n0,10,5\n1.5,20,6\n"
AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n2023-11-16 18:15:50.9951690,396,109\n"
)
BURST = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,ChatGPT,472,18,490,Conversation log\n"


@pytest.fixture
def trace(tmp_path):
    """Reads a text as a trace."""

    def read(text, context=None):
        path = tmp_path / "trace.csv"
        path.write_text(text, encoding="utf-8")
        return read_trace(str(path), context)

    return read


def test_columns_are_found_by_their_names(trace):
    """In any order, and as published traces call them."""
    assert trace(OURS) == (Request(0.0, 10, 5), Request(1.5, 20, 6))
    assert trace("output,arrival,prompt\n5,0,10\n") == (Request(0.0, 10, 5),)
    first, second = trace(AZURE)
    assert (first.prompt_tokens, first.output_tokens) == (374, 44)
    assert second.arrival_seconds - first.arrival_seconds == pytest.approx(4.314579, abs=1e-5)
    assert trace(BURST) == (Request(5.0, 472, 18),)


def test_columns_without_names_are_in_order(trace):
    """A table without a heading; blank lines and a byte order mark do not count."""
    assert trace("0.5, 10, 5\n\n1,20,6\n") == (Request(0.5, 10, 5), Request(1.0, 20, 6))
    assert trace("\ufeff" + OURS)[0] == Request(0.0, 10, 5)
    assert [one.prompt_tokens for one in trace("2023-11-16T18:15:46,10,5\n2023-11-16T18:15:45,20,6\n")] == [20, 10]


def test_requests_are_in_order_of_arrival(trace):
    """As they were written, where two come at once."""
    assert [request.prompt_tokens for request in trace("2,30,1\n0,10,1\n2,31,1\n")] == [10, 30, 31]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OURS + "2,x,3\n", "line 4: prompt_tokens: 'x' is not a whole number of at least 1"),
        (OURS + "2,5,0\n", "line 4: output_tokens: '0' is not a whole number of at least 1"),
        (OURS + "2,5\n", "line 4: output_tokens: '' is not a whole number of at least 1"),
        (OURS + "2,5.5,1\n", "line 4: prompt_tokens: '5.5' is not"),
        (OURS + "soon,5,1\n", "line 4: arrival_seconds: 'soon' is not a number of seconds of at least 0, nor a date"),
        (OURS + "-1,5,1\n", "line 4: arrival_seconds: '-1' is not"),
        (OURS + "nan,5,1\n", "line 4: arrival_seconds: 'nan' is not"),
        (OURS + "2,900,200\n", "line 4: prompt_tokens + output_tokens = 1100 is beyond the context of the model, 1000"),
        ("when,prompt,output\n1,2,3\n", "line 1: no column arrival_seconds; there are when, prompt, output"),
        ("", "no requests; wanted are lines of arrival_seconds, prompt_tokens, output_tokens"),
        ("arrival,prompt,output\n", "no requests"),
    ],
)
def test_a_bad_line_is_named(trace, text, said):
    """File, line and column, and what would be right."""
    with pytest.raises(BadInputError) as caught:
        trace(text, 1000)
    assert said in str(caught.value)
    assert "trace.csv" in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    """No traceback for a file that is not there, or is no text."""
    with pytest.raises(BadInputError, match=r"trace: .*nowhere\.csv: No such file"):
        read_trace(str(tmp_path / "nowhere.csv"))
    (tmp_path / "picture.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(BadInputError, match=r"picture\.csv: is not UTF-8 text"):
        read_trace(str(tmp_path / "picture.csv"))
