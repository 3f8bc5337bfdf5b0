"""Files for what was found: who writes one of this ending, and how it is written whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from llmplan.catalogues import registry
from llmplan.errors import BadInputError
from llmplan.estimate import Exporter

_PICTURES = (".png", ".svg", ".pdf")


def exporter_of(path: str, option: str = "output", others: Iterable[str] = ()) -> Exporter:
    """The one for the file's ending; BadInputError where there is none, or more than one. Others are no exporters'."""
    entries = registry().exporters.entries()
    fitting = {f"{provider}:{name}": of for name, provider, of in entries if of.suffix == Path(path).suffix}
    if not fitting:
        suffixes = ", ".join(dict.fromkeys((*others, *(exporter.suffix for _, _, exporter in entries))))
        raise BadInputError(f"{option}: {path!r} does not end in {suffixes}")
    if len(fitting) > 1:
        raise BadInputError(f"{option}: {Path(path).suffix} is written by {' and '.join(fitting)}; uninstall one")
    exporter = next(iter(fitting.values()))
    if exporter.check is not None:
        exporter.check()
    return exporter


def painter_of(path: str) -> Exporter:
    """The exporter of a picture; where there is none, what has to be installed."""
    if Path(path).suffix not in _PICTURES:
        raise BadInputError(f"picture: {path!r} does not end in {', '.join(_PICTURES)}")
    if not any(exporter.suffix == Path(path).suffix for _, _, exporter in registry().exporters.entries()):
        raise BadInputError("picture: no plugin draws any; pip install 'llmplan-report[picture]' brings one")
    return exporter_of(path, "picture")


def write_whole(path: str, contents: bytes, option: str = "output") -> None:
    """Write beside, then rename: a reader never sees half a file, and a failure leaves the old one."""
    target = Path(path)
    beside = target.with_name(f".{os.getpid()}.{target.name[:64]}.tmp")
    try:
        beside.write_bytes(contents)
        beside.replace(target)
    except OSError as error:
        raise BadInputError(f"{option}: {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            beside.unlink()
