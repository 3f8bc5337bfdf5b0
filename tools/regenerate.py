"""Everything in the repository that is generated: ``python tools/regenerate.py [NAME ...] [--check]``.

A generator is a script with a function ``files()`` that returns the files as they should be now, each path with its
text. They run in the order below, since pages print figures of the tables that come before them. ``--check`` writes
nothing, names what is stale, and exits with 1 if anything is.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GENERATORS: Mapping[str, str] = {
    "ranges": "plugins/parallelism_megatron/calibration/ranges.py",
    "ranges-page": "tools/ranges_page.py",
    "cost-model": "tools/cost_model.py",
    "reference": "tools/reference.py",
    "records": "tools/records.py",
    "glossary": "tools/glossary.py",
    "keywords": "tools/keywords.py",
    "models": "tools/models_page.py",
    "accuracy": "docs/accuracy.py",
    "search": "docs/search.py",
    "sites": "tools/sites_page.py",
    "readme": "tools/readme.py",
    "reliability": "tools/reliability.py",
    "pictures": "docs/picture.py",
}
"""By name: the script."""
NOT_CHECKED = ("pictures", "reliability", "sites")
"""Unless named: each version of the libraries that draw pictures draws otherwise; the others take the longest."""


def files_of(name: str) -> dict[Path, str]:
    """What a generator would write."""
    specification = importlib.util.spec_from_file_location(f"regenerate_{name}", ROOT / GENERATORS[name])
    if specification is None or specification.loader is None:
        raise FileNotFoundError(GENERATORS[name])
    script = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = script
    specification.loader.exec_module(script)
    found: dict[Path, str] = script.files()
    return found


def is_stale(path: Path, text: str) -> bool:
    """Whether the file holds anything else."""
    return not path.exists() or path.read_text(encoding="utf-8") != text


def write(path: Path, text: str) -> None:
    """Whole, or not at all."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def main(arguments: list[str] | None = None) -> int:
    """Write what is stale, or name it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(GENERATORS)}; all by default")
    parser.add_argument("--check", action="store_true", help="name what is stale and change nothing")
    given = parser.parse_args(arguments)
    if unknown := [name for name in given.names if name not in GENERATORS]:
        parser.error(f"{unknown[0]!r} is none of {', '.join(GENERATORS)}")
    names = given.names or [name for name in GENERATORS if not given.check or name not in NOT_CHECKED]
    if len(names) == 1:
        return generate(names[0], check=given.check)
    # each in a process of its own, which reads what those before it have written
    options = ["--check"] if given.check else []
    codes = [subprocess.run([sys.executable, __file__, name, *options], check=False).returncode for name in names]
    if any(codes) and given.check:
        print("run: python tools/regenerate.py", file=sys.stderr)
    return max(codes)


def generate(name: str, *, check: bool) -> int:
    """Write what is stale, or name it; 1 where a check finds anything."""
    stale = [(path, text) for path, text in files_of(name).items() if is_stale(path, text)]
    for path, text in stale:
        if not check:
            write(path, text)
        print(f"{'stale' if check else 'written'}: {path.relative_to(ROOT)}", flush=True)
    return 1 if stale and check else 0


if __name__ == "__main__":
    sys.exit(main())
