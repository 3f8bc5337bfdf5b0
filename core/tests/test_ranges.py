import pytest

from llmplan.errors import BadInputError
from llmplan.request.ranges import MOST_VALUES, is_several, values, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", (1,)),
        ("1,4,16", (1, 4, 16)),
        (" 1 , 4 ", (1, 4)),
        ("2..6", (2, 3, 4, 5, 6)),
        ("4..4", (4,)),
        ("1,2..3,8", (1, 2, 3, 8)),
        ("8..64+8", (8, 16, 24, 32, 40, 48, 56, 64)),
        ("8..30+8", (8, 16, 24, 30)),
        ("1..256x4", (1, 4, 16, 64, 256)),
        ("3..30x3", (3, 9, 27, 30)),
        ("1..64*4", (1, 4, 16, 64)),
        ("1..1K+250", (1, 251, 501, 751, 1000)),
        ("1.4T,2T", ("1.4T", "2T")),
        ("0..2", (0, 1, 2)),
        ("2,1,2", (2, 1)),
    ],
)
def test_values(text, expected):
    """A list or a range would stand for other values than it says."""
    assert values(text, "batch") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1..256", (1, 2, 4, 8, 16, 32, 64, 128, 256)),
        ("3..20", (3, 4, 8, 16, 20)),
        ("256..4096", (256, 512, 1024, 2048, 4096)),
        ("0..4", (0, 1, 2, 4)),
        ("5..5", (5,)),
        ("1..4/s,10/s", ("1/s", "2/s", "4/s", "10/s")),
        ("1..8+1", (1, 2, 3, 4, 5, 6, 7, 8)),
    ],
)
def test_doubling(text, expected):
    """Batches would be priced one by one, or an end of the range be left out."""
    assert values(text, "batch", doubling=True) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("1,,2", "has an empty item"),
        ("", "has an empty item"),
        ("1..", "is not a range of whole numbers"),
        ("..4", "is not a range of whole numbers"),
        ("1..x", "is not a range of whole numbers"),
        ("1.5..3", "is not a range of whole numbers"),
        ("1..inf", "is not a range of whole numbers"),
        ("1..nan", "is not a range of whole numbers"),
        ("1..8+0", "is not a range of whole numbers"),
        ("1..8x1", "is not a range of whole numbers"),
        ("0..8x2", "is not a range of whole numbers"),
        ("8..1", "ends below its beginning; 1..8 would be a range"),
        ("1..1e9", f"is more than {MOST_VALUES:,} values"),
    ],
)
def test_bad_ranges(text, said):
    """A slip would be priced, loop for ever, or end in a traceback."""
    with pytest.raises(BadInputError, match=r"^pp: .*") as caught:
        values(text, "pp")
    assert said in str(caught.value)


def test_names_may_hold_dots():
    """A file in the folder above would be taken for a range."""
    assert words("../my-gpu.toml,l40s", "gpu") == ("../my-gpu.toml", "l40s")


@pytest.mark.parametrize(
    ("text", "several"), [("8", False), ("1e3", False), ("1.5", False), ("1,2", True), ("1..2", True)]
)
def test_is_several(text, several):
    """One value would be compared, or many be refused as one."""
    assert is_several(text) is several
