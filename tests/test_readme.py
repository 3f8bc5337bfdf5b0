"""The README, run as it is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONSOLE = re.findall(r"^```console\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
PYTHON = re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
TOML = re.findall(r"^`([\w.-]+\.toml)`:\n\n```toml\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
SHELL = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def sessions():
    """Each command with the output that the README prints under it."""
    for block in CONSOLE:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.split("\n")
            end = next(index for index, line in enumerate(lines) if not line.endswith("\\"))
            yield "\n".join(lines[: end + 1]), "\n".join(lines[end + 1 :])


SESSIONS = list(sessions())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the files that the README shows."""
    folder = tmp_path_factory.mktemp("readme")
    for name, text in TOML:
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_the_readme_has_something_to_run():
    """The blocks would no longer be found, and nothing of the README would be tested."""
    assert len(SESSIONS) >= 6
    assert len(TOML) >= 2
    assert PYTHON


@pytest.mark.parametrize(("command", "output"), SESSIONS, ids=[command for command, _ in SESSIONS])
def test_command(command, output, folder):
    """A newcomer would type a command of the README and see something else than it prints."""
    scripts = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}
    environment.pop("FORCE_COLOR", None)
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr + done.stdout == output


@pytest.mark.parametrize("code", PYTHON)
def test_python(code, folder, monkeypatch):
    """A script copied from the README would fail, or an assertion in it not hold."""
    monkeypatch.chdir(folder)
    exec(compile(code, "README.md", "exec"), {})


def test_the_two_commands_of_a_fresh_machine():
    """The way in would not be two commands, or CI would not run exactly these."""
    commands = [line for block in SHELL[:2] for line in block.strip().split("\n")]
    assert commands == [
        "python3 -m pip install . && llmplan train --model llama-65b --gpu h100-sxm-80gb",
        "python3 -m pip install '.[test]' && python3 -m pytest -n auto",
    ]
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "readme_command 'llmplan train'" in ci
    assert "readme_command 'pytest'" in ci


def test_links_lead_somewhere():
    """A link of the README would point at a file that is not there."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
