"""Launch files: how a plan is given to the program that runs it, and how such a file becomes a plan's options again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from llmplan.records.checks import lookup_name, one_of

if TYPE_CHECKING:
    from llmplan.estimate.server import Estimate

COMMANDS = ("train", "infer")


@frozen(repr=False)
class LaunchFile:
    """A launch file, and what of the plan it has no words for, one line each."""

    text: str
    remarks: tuple[str, ...] = ()


@frozen(repr=False)
class LaunchOptions:
    """What a launch file says, as a plan file would say it, and what of the file was not understood, one line each.

    A model that it describes in numbers is a table under ``model``, with the keys of a model in TOML.
    """

    options: Mapping[str, Any]
    remarks: tuple[str, ...] = ()


@frozen(kw_only=True, eq=False, repr=False)
class Launcher:
    """A program that trains or serves, and its launch files, for ``--export NAME[:FILE]`` and ``--from FILE``."""

    name: str = field(validator=lookup_name)
    command: str = field(validator=one_of(*COMMANDS))
    """``train`` or ``infer``: of which command it takes the plans."""
    write: Callable[[Estimate], LaunchFile]
    """BadInputError where the program cannot run the plan at all."""
    read: Callable[[str], LaunchOptions] | None = None
    """None where there is no way back."""
    recognises: Callable[[str], bool] | None = None
    """Whether a text is such a file; needed beside `read`."""
    words: Mapping[str, str] = field(factory=dict)
    """What its own options are called here: who types one is told ours."""
    comment: str | None = "#"
    """What begins a comment; None where the format has none."""
    suffix: str = ".sh"
    """Of the files that it writes."""
    programs: tuple[str, ...] = ()
    """The frameworks or engines whose plans it starts first of all, by name."""
    description: str = ""

    @property
    def file_name(self) -> str:
        """What its file may be called: ``run.sh``."""
        return f"run{self.suffix}"

    def text(self, launch: LaunchFile) -> str:
        """The file with its remarks as comments, below a first line that names an interpreter."""
        if self.comment is None or not launch.remarks:
            return launch.text
        first, newline, rest = launch.text.partition("\n") if launch.text.startswith("#!") else ("", "", launch.text)
        remarks = "".join(f"{self.comment} note: {remark}\n" for remark in launch.remarks)
        return f"{first}{newline}{remarks}{rest}"
