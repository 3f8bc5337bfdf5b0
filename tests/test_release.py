"""What is built for an index: every package, of one version, that needs no checkout."""

import email
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FOLDERS = [ROOT, ROOT / "core", *(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder of all wheels and source archives."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, ROOT / "tools" / "release.py", folder], check=True, capture_output=True)
    return folder


def metadata(wheel):
    """The metadata that an index reads from a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_string(archive.read(name).decode())


def test_an_index_takes_them(built):
    """An index refuses requirements that point at a folder, and pip finds none of another version."""
    wheels = {found["Name"]: found for found in map(metadata, built.glob("*.whl"))}
    assert len(wheels) == len(FOLDERS)
    versions = {found["Version"] for found in wheels.values()}
    assert len(versions) == 1
    for found in wheels.values():
        for line in found.get_all("Requires-Dist", []):
            requirement = Requirement(line)
            assert requirement.url is None, line
            if requirement.name in wheels:
                assert requirement.specifier.contains(wheels[requirement.name]["Version"]), line
    assert {Requirement(line).name for line in wheels["llmplan"].get_all("Requires-Dist")} >= {*wheels} - {"llmplan"}


def test_the_main_job_runs_from_wheels_alone(built, tmp_path):
    """A file that the code reads would be missing from a wheel; checkouts have it."""
    for wheel in built.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(tmp_path)
    code = """
import sys
import llmplan
from llmplan.__main__ import run
assert llmplan.__file__.startswith(sys.argv.pop(1))
run()
"""
    arguments = ["train", "--model", "llama-65b", "--gpu", "h100-sxm-80gb", "--gpus", "512", "--json"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), *arguments], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


def test_a_source_archive_builds_without_the_other_folders(built, tmp_path):
    """pip builds a source archive where no wheel fits: that of the root has no folders beside it."""
    (archive,) = built.glob("llmplan-[0-9]*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (folder,) = tmp_path.iterdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=folder, check=True, capture_output=True
    )
    (wheel,) = folder.glob("dist/*.whl")
    assert all(Requirement(line).url is None for line in metadata(wheel).get_all("Requires-Dist"))


def test_no_package_is_forgotten():
    """A package would be built and not installed, or be there for nobody who types, measures or draws boundaries."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    tool = table["tool"]
    names = {tomllib.loads((path / "pyproject.toml").read_text("utf-8"))["project"]["name"] for path in FOLDERS[1:]}
    modules = {name.replace("-", "_").replace("llmplan_core", "llmplan") for name in names}
    own = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]["llmplan.own"]
    (core, *_), everywhere = tool["importlinter"]["contracts"], {
        "llmplan.own of the core": {"llmplan-core", *own} == names,
        "hatch": set(tool["hatch"]["metadata"]["hooks"]["custom"]["members"]) == names,
        "uv": set(tool["uv"]["sources"]) == names,
        "coverage": set(tool["coverage"]["run"]["source_pkgs"]) == modules,
        "mypy": set(tool["mypy"]["packages"]) == modules,
        "mypy_path": {ROOT / path for path in tool["mypy"]["mypy_path"]} == {path / "src" for path in FOLDERS[1:]},
        "isort": set(tool["ruff"]["lint"]["isort"]["known-first-party"]) == modules,
        "importlinter": set(tool["importlinter"]["root_packages"]) == modules,
    }  # fmt: skip
    assert [place for place, all_there in everywhere.items() if not all_there] == []
    assert {"llmplan", *core["forbidden_modules"]} == modules
