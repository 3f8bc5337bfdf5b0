"""Build every package for an index: ``python tools/release.py FOLDER [--version X.Y.Z]``.

Wheels and source archives of all packages of the workspace, of one version: that of the root's pyproject.toml, which
``--version`` sets everywhere first. Upload all of them; ``pip install --find-links FOLDER llmplan`` installs them too.
"""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from workspace_metadata import members, project

ROOT = Path(__file__).resolve().parents[1]


def set_version(version: str) -> None:
    """Write the version, and the range of the core that goes with it, into every pyproject.toml."""
    major, minor = (int(part) for part in version.split(".")[:2])
    for folder in (ROOT, *members(ROOT)):
        file = folder / "pyproject.toml"
        text = re.sub(r'(?m)^version = "[^"]+"$', f'version = "{version}"', file.read_text(encoding="utf-8"), count=1)
        core = f'"llmplan-core>={major}.{minor},<{major}.{minor + 1}"'
        file.write_text(re.sub(r'"llmplan-core>=[^"]+"', core, text), encoding="utf-8")


def odd_versions() -> list[str]:
    """Return the packages whose version, or whose range of the core, is not that of the root."""
    version = project(ROOT)["version"]
    major, minor = (int(part) for part in version.split(".")[:2])
    core = f"llmplan-core>={major}.{minor},<{major}.{minor + 1}"
    found = []
    for table in map(project, members(ROOT)):
        of_core = [wanted for wanted in table["dependencies"] if wanted.startswith("llmplan-core")]
        if table["version"] != version or of_core not in ([], [core]):
            found.append(table["name"])
    return found


def build(into: Path) -> None:
    """Write a wheel and a source archive of each package."""
    os.environ["LLMPLAN_RELEASE"] = "1"
    for folder in (*members(ROOT), ROOT):
        for builder in (SdistBuilder, WheelBuilder):
            for artifact in builder(str(folder)).build(directory=str(into.resolve())):
                print(artifact)


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where wheels and source archives go")
    parser.add_argument("--version", help="the version of all packages, written into their pyproject.toml first")
    asked = parser.parse_args()
    if asked.version:
        if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", asked.version):
            parser.error(f"--version: {asked.version!r} is not a version like 0.2.0 or 0.2.0rc1")
        set_version(asked.version)
    if odd := odd_versions():
        parser.error(f"{', '.join(odd)}: not the version of the root; --version {project(ROOT)['version']} sets it")
    build(asked.folder)


if __name__ == "__main__":
    main()
