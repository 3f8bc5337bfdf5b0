"""The dependencies of the distribution `llmplan`: every package of this workspace.

In a checkout they are the folders beside it, so that ``pip install .`` needs no index. Built for an index, with
``LLMPLAN_RELEASE=1`` or from a source archive, which has no folders beside it, they are the same version by name.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]


def members(root: Path) -> list[Path]:
    """Return the folders of the packages, the core first."""
    return [root / "core", *sorted(path.parent for path in root.glob("plugins/*/pyproject.toml"))]


def project(folder: Path) -> dict[str, Any]:
    """Return the table ``[project]`` of a package."""
    with (folder / "pyproject.toml").open("rb") as file:
        return dict(tomllib.load(file)["project"])


class WorkspaceMetadata(MetadataHookInterface):
    """Fills in the dependencies of the root package."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Name each member, as a folder or as a version."""
        root, released = Path(self.root), self.config["members"]
        if not (root / "core").is_dir():
            metadata["dependencies"] = [f"{name}=={metadata['version']}" for name in released]
            return
        folders = {project(folder)["name"]: folder for folder in members(root)}
        if sorted(folders) != sorted(released):
            odd = ", ".join(sorted({*folders} ^ {*released}))
            raise ValueError(f"tool.hatch.metadata.hooks.custom.members and the folders differ in {odd}")
        by_name = bool(os.environ.get("LLMPLAN_RELEASE"))
        metadata["dependencies"] = [
            f"{name}=={metadata['version']}" if by_name else f"{name} @ {folders[name].as_uri()}" for name in released
        ]
