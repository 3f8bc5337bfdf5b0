"""A folder of TOML files, one a record: what a hook may return beside records in Python."""

from __future__ import annotations

import os
from functools import cache, cached_property

from llmplan.errors import BadInputError
from llmplan.records.checks import check_name

_ENDING = ".toml"


class TomlRecords:
    """The records that lie in a folder, in the format that ``--gpu FILE.toml`` and its like read.

    A record is named for its file: ``h100-sxm-80gb.toml`` holds h100-sxm-80gb. Listing names opens no file, and looking
    one up reads that file alone.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = os.fspath(folder)  # text: paths take ten times as long, at every start

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all records, in alphabetical order."""
        try:
            files = os.listdir(self.folder)  # noqa: PTH208
        except OSError as error:
            raise BadInputError(f"{self.folder}: {error.strerror}") from error
        return tuple(sorted(name.removesuffix(_ENDING) for name in files if name.endswith(_ENDING)))

    def check(self) -> None:
        """BadInputError where the folder cannot be read, or a file is called what no command line can name."""
        for name in self.names:
            check_name(name, self.path(name))

    def path(self, name: str) -> str:
        """The path of the file that holds a record."""
        return f"{self.folder}{os.sep}{name}{_ENDING}"

    def mentions(self, name: str, word: str) -> bool:
        """Whether the word stands in the file, in any case: what can be known without reading it as a record."""
        try:
            return word in _text(self.path(name))
        except (OSError, UnicodeDecodeError):
            return False


@cache
def _text(path: str) -> str:
    """What the file says, in lower case: read once, and not for each name that is looked for."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        return file.read().lower()
