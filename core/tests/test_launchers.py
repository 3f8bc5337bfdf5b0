"""Launchers: their texts, and their contract."""

from __future__ import annotations

import pytest
from attrs import evolve

from llmplan.errors import BadInputError
from llmplan.estimate import Launcher, LaunchFile, LaunchOptions
from llmplan.testing import SAMPLE_DTYPE, SAMPLE_HARDWARE, SAMPLE_MODEL, ContractError, check_launcher
from llmplan_kit.launcher_contract import sample_estimates


def write(estimate):
    layout = estimate.plan.layout
    return LaunchFile(f"acme --tp {layout.tp} --dp {layout.dp}\n", () if layout.tp == 1 else ("tp: slow",))


def read(text):
    words = text.split()
    return LaunchOptions({"tp": int(words[words.index("--tp") + 1]), "dp": int(words[words.index("--dp") + 1])})


ACME = Launcher(
    name="acme",
    command="train",
    write=write,
    read=read,
    recognises=lambda text: "acme" in text,
    description="ACME's trainer",
)


def samples(command="train"):
    return sample_estimates(command, SAMPLE_MODEL, SAMPLE_HARDWARE, SAMPLE_DTYPE)


def test_remarks_stand_below_the_interpreter():
    """A script would not be run by its shell any more, or lose what it cannot say."""
    file = LaunchFile("#!/bin/sh\nacme\n", ("one", "two"))
    assert ACME.text(file) == "#!/bin/sh\n# note: one\n# note: two\nacme\n"
    assert ACME.text(LaunchFile("acme\n", ("one",))) == "# note: one\nacme\n"
    assert evolve(ACME, comment=None).text(file) == file.text
    assert evolve(ACME, comment="//").text(LaunchFile("acme\n", ("one",))) == "// note: one\nacme\n"


def test_a_launcher_takes_the_plans_of_one_command():
    """A launcher would be offered for nothing."""
    with pytest.raises(BadInputError, match="acme: command: 'serve' is none of train, infer"):
        evolve(ACME, command="serve")


def test_a_good_launcher_passes():
    """Plugin authors would be told of faults that are none."""
    check_launcher(ACME, samples())
    check_launcher(evolve(ACME, command="infer"), samples("infer"))
    check_launcher(evolve(ACME, read=None, recognises=None), samples())
    check_launcher(evolve(ACME, write=refuse), samples())


def refuse(estimate):
    raise BadInputError(f"acme: tp {estimate.plan.layout.tp}: no")


BROKEN = {
    "acme: no description": {"description": ""},
    "acme: read and recognises belong together": {"recognises": None},
    "acme: write: returned a str, not a LaunchFile": {"write": lambda _: "acme\n"},
    "acme: write: the text does not end in a new line": {"write": lambda _: LaunchFile("acme")},
    r"acme: write: remarks: \['a'\] is no tuple of lines": {"write": lambda _: LaunchFile("acme\n", ["a"])},
    r"acme: write: remarks: \('a\\nb',\) is no tuple of lines": {"write": lambda _: LaunchFile("acme\n", ("a\nb",))},
    "acme: does not recognise what it wrote": {"recognises": lambda _: False},
    "acme: read: returned a dict, not LaunchOptions": {"read": lambda _: {}},
    r"acme: read: remarks: \('',\) is no tuple of lines": {"read": lambda _: LaunchOptions({}, ("",))},
    "acme: read: tensor is not an option": {"read": lambda _: LaunchOptions({"tensor": 1})},
    "acme: read: tp 3, where the plan has 1": {"read": lambda _: LaunchOptions({"tp": 3})},
}


@pytest.mark.parametrize(("message", "change"), BROKEN.items())
def test_a_broken_launcher_is_named(message, change):
    """A plugin would break in the hands of its users, not in its own tests."""
    with pytest.raises(ContractError, match=message):
        check_launcher(evolve(ACME, **change), samples())
