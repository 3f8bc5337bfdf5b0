"""Units at the edge: the multipliers, and numbers as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from llmplan import units
from llmplan.units import parse_number

EXPONENTS = {"K": 3, "M": 6, "G": 9, "B": 9, "T": 12, "P": 15}


def test_memory_counts_in_1024_and_everything_else_in_1000():
    """If it fails, 1000 and 1024 are mixed: every capacity or bandwidth read from a file is off by up to 10 %."""
    assert units.GIB == 1024**3
    assert [units.KILO, units.MEGA, units.GIGA, units.TERA] == [1e3, 1e6, 1e9, 1e12]


def test_a_gigabit_is_an_eighth_of_a_gigabyte():
    """If it fails, network cards are 8 times too fast or too slow."""
    assert units.GBIT == 1e9 / 8 == 125e6


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2048", 2048),
        ("1.4e12", 1.4e12),
        ("1.4T", 1.4e12),
        ("1.4t", 1.4e12),
        (" 4M ", 4e6),
        ("4 M", 4e6),
        ("65B", 65e9),
        ("65G", 65e9),
        ("2k", 2e3),
        ("1P", 1e15),
        ("1_000", 1e3),
        ("0.5", 0.5),
        ("-8", -8),
        ("2 trillion", 2e12),
        ("1.5 billion tokens", 1.5e9),
        ("15T tokens", 15e12),
        ("7bn", 7e9),
        ("32Ki", 32_768),
        ("1 Mi", 1_048_576),
    ],
)
def test_numbers_are_read_as_people_write_them(text, number):
    """If it fails, a number on the command line means something else than its writer meant."""
    assert parse_number(text) == number


@given(digits=st.integers(0, 9_999_999), decimals=st.integers(0, 3), suffix=st.sampled_from(sorted(EXPONENTS)))
def test_a_suffix_is_the_same_as_its_exponent(digits, decimals, suffix):
    """If it fails, 1.001K is not 1001 (but 1000.9999999999999, no whole number), nor 1.1T the same as 1.1e12."""
    whole, part = divmod(digits, 10**decimals)
    mantissa = f"{whole}.{part:0{decimals}}" if decimals else str(whole)
    assert parse_number(f"{mantissa}{suffix}") == float(f"{mantissa}e{EXPONENTS[suffix]}")


@pytest.mark.parametrize("text", ["", " ", "T", "x", "1.4X", "1,000", "50%", "$2", "1.4TT", "0x10", "1.4 apples", "Ki"])
def test_what_is_no_number_is_refused(text):
    """If it fails, a typo is silently read as a number."""
    with pytest.raises(ValueError, match="could not convert"):
        parse_number(text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(
            ("3 thousand", 3e3),
            ("3 million", 3e6),
            ("3mn", 3e6),
            ("3 billion", 3e9),
            ("3bn", 3e9),
            ("3 trillion", 3e12),
        ),
        *(("3 quadrillion", 3e15), ("3Ki", 3 * 2**10), ("3Mi", 3 * 2**20), ("3Gi", 3 * 2**30), ("3Ti", 3 * 2**40)),
        *(("3K", 3e3), ("3M", 3e6), ("3G", 3e9), ("3B", 3e9), ("3T", 3e12), ("3P", 3e15), ("3Pi", 3 * 2**50)),
    ],
)
def test_every_word_and_suffix_by_hand(text, number):
    """A word would stand for another number than people mean."""
    assert parse_number(text) == number


def test_units_of_caches_and_rates():
    """A cache would have another size than its datasheet says, or a peak be printed in another unit."""
    assert units.MIB == 1024**2
    assert units.rate(989e12, "bf16") == "989 TFLOP/s"
    assert units.rate(1_979e12, "int8") == "1,979 TOP/s"
