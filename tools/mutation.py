"""Mutation testing of the formula modules: ``python tools/mutation.py [MODULE ...] [--sample N]``.

Each module of tests/mutation/modules.toml is tried with one slip after another: a sign turned, a factor for a divisor,
a bound for its opposite, a number one larger. The tests that belong to the module have to notice. Survivors stand in
tests/mutation/survivors.toml with the reason why no test can tell, or need not; one that does not is printed, and the
exit code is 1. The figures are left in tests/mutation/results.csv, those of a sample only where there are none of
the whole module.
"""

from __future__ import annotations

import argparse
import csv
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mutants import Mutant, mutants
from mutation_run import SURVIVED, try_all

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib  # type: ignore[no-redef]

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "tests" / "mutation"
RESULTS = HERE / "results.csv"
ASKED = 0.9
"""Of all mutants, which tests kill."""


def table(name: str) -> dict[str, Any]:
    """A file of this folder."""
    return dict(tomllib.loads((HERE / name).read_text(encoding="utf-8")))


def results() -> dict[str, tuple[int, int, int]]:
    """By module: its mutants, those of them that were tried, those of these that were killed."""
    with RESULTS.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["module"]: (int(row["mutants"]), int(row["tried"]), int(row["killed"])) for row in rows}


def keep(module: str, many: int, tried: int, killed: int) -> None:
    """Write the figures of a module."""
    found = results()
    if tried == many or found.get(module, (0, 0, 0))[1] <= tried:
        found[module] = many, tried, killed
    lines = [",".join(map(str, (name, *figures))) for name, figures in sorted(found.items())]
    RESULTS.write_text("\n".join(("module,mutants,tried,killed", *lines, "")), encoding="utf-8")


def chosen(every: list[Mutant], sample: int | None) -> list[Mutant]:
    """All of them, or a sample, always the same."""
    if sample is None or sample >= len(every):
        return every
    return sorted(random.Random(0).sample(every, sample), key=lambda one: one.line)  # noqa: S311


def run(names: list[str], group: Mapping[str, Any], sample: int | None, known: Mapping[str, Any]) -> bool:
    """Try the mutants of modules with the same tests; whether enough are killed and the others known."""
    every = {ROOT / name: mutants((ROOT / name).read_text(encoding="utf-8")) for name in names}
    tried = {module: chosen(some, sample) for module, some in every.items()}
    tests = [str(ROOT / test) for test in group["tests"]]
    good, begin = True, time.monotonic()
    for module, verdicts in try_all(tried, tests, imported=group.get("imported", False)):
        name, many = module.relative_to(ROOT).as_posix(), len(tried[module])
        alive = [mutant for mutant, verdict in zip(tried[module], verdicts, strict=True) if verdict == SURVIVED]
        killed, seconds, begin = many - len(alive), time.monotonic() - begin, time.monotonic()
        print(f"{name}: {killed} of {many} killed ({killed / max(many, 1):.0%}), {seconds:.0f} s", flush=True)
        reasons = {entry["change"] for entry in known.get(name, [])}
        unknown = [mutant for mutant in alive if mutant.words not in reasons]
        for mutant in unknown:
            print(f"  survives: line {mutant.line}: {mutant.words}", flush=True)
        keep(name, len(every[module]), many, killed)
        good = good and not unknown and killed >= ASKED * many
    return good


def main() -> int:
    """Try what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="part of a path; every module by default")
    parser.add_argument("--sample", type=int, metavar="N", help="so many mutants of each module, always the same")
    asked = parser.parse_args()
    known = table("survivors.toml")
    good = True
    for group in table("modules.toml")["group"]:
        names = [group["folder"] + module for module in group["modules"]]
        wanted = [name for name in names if not asked.modules or any(part in name for part in asked.modules)]
        if wanted:
            good = run(wanted, group, asked.sample, known) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
