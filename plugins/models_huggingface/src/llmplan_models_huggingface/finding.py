"""Where the config.json of a reference lies: a path, the local cache of the hub, or the hub itself."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from llmplan.errors import BadInputError

CONFIG = "config.json"
_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")
"""Owner and name on the hub."""


def claims(reference: str) -> bool:
    """A .json file, a folder that is there or is written like one, or owner/name."""
    path = Path(reference).expanduser()
    like_a_path = reference.endswith((".json", "/", os.sep)) or reference.startswith((".", "~", "/"))
    return like_a_path or _is(path, Path.is_dir) or _ID.fullmatch(reference) is not None


def find(reference: str) -> tuple[Path, str]:
    """The config.json of a reference, and what to call the model."""
    path = Path(reference).expanduser()
    if _is(path, Path.is_dir):
        if not (path / CONFIG).is_file():
            raise BadInputError(f"model: {reference}: the folder holds no {CONFIG}")
        return path / CONFIG, path.resolve().name
    if _is(path, Path.is_file):
        return path, path.resolve().parent.name if path.name == CONFIG else path.stem
    if _ID.fullmatch(reference) and not reference.endswith(".json"):
        return _on_the_hub(reference), reference.split("/")[1]
    raise BadInputError(f"model: {reference}: no such file or folder")


def _is(path: Path, what: Callable[[Path], bool]) -> bool:
    """Whether it is one; no file system has a name of five hundred letters."""
    try:
        return what(path)
    except OSError:
        return False


def _on_the_hub(name: str) -> Path:
    """In the local cache, or else from the hub, where huggingface_hub is installed and answers."""
    cached = in_cache(name, os.environ)
    return cached if cached is not None else _downloaded(name)


def in_cache(name: str, environment: Mapping[str, str]) -> Path | None:
    """The newest snapshot's config.json under HF_HUB_CACHE, or HF_HOME/hub, or ~/.cache/huggingface/hub."""
    home = Path(environment.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(environment.get("HF_HUB_CACHE") or home / "hub").expanduser()
    folder = cache / f"models--{name.replace('/', '--')}" / "snapshots"
    found = [path for path in folder.glob(f"*/{CONFIG}") if path.is_file()] if _is(folder, Path.is_dir) else []
    return max(found, key=lambda path: path.stat().st_mtime) if found else None


def _downloaded(name: str) -> Path:
    missing = f"model: {name}: is not registered and not in the local Hugging Face cache"
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("", "0", "false", "no"):
        raise BadInputError(f"{missing}, and HF_HUB_OFFLINE is set; give a {CONFIG} or its folder")
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise BadInputError(
            f"{missing}; give a {CONFIG} or its folder, or pip install llmplan-models-huggingface[hub] to ask the hub"
        ) from None
    try:
        return Path(hf_hub_download(name, CONFIG))
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise BadInputError(f"{missing}, and the hub does not give its {CONFIG}: {reason}") from error
