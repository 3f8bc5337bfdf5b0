"""``llmplan plugins``: what is installed, what it offers, and what is wrong with it."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from llmplan.catalogues import registry
from llmplan.catalogues.plugins import PluginProblem
from llmplan.cli.said import plain
from llmplan.cli.tables import print_table


def add_plugins(app: typer.Typer, summary: str, _words: Sequence[str] = ()) -> None:
    """Add the command, to which plugins add theirs."""
    group = typer.Typer()
    app.add_typer(group, name="plugins", help=summary)

    @group.callback(invoke_without_command=True)
    def plugins(
        context: typer.Context,
        json_: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
        timings: Annotated[bool, typer.Option("--timings", help="And how long each takes to import.")] = False,
    ) -> None:
        if context.invoked_subcommand is not None:
            return
        rows, problems = _rows(), registry().plugins.problems
        if json_:
            print(json.dumps({"schema": "llmplan.plugins/1", "plugins": rows, "problems": _problems()}, indent=2))
            return
        head = ("plugin", "version", "status", *((">import",) if timings else ()), "offers")
        print_table(head, [_cells(row, timings=timings) for row in rows])
        for problem in problems:
            print(plain(f"\n{problem.distribution} {problem.version}: {problem.reason}\n{problem.traceback}"), end="")


def _rows() -> list[dict[str, Any]]:
    """Plugins that are loaded, then those that are not."""
    offered, problems = _offered(), registry().plugins.problems
    rows = [
        _row(
            plugin,
            _status(plugin.distribution, plugin.entry_point, problems),
            import_seconds=round(plugin.seconds, 6),
            hooks=list(plugin.hooks),
            names=offered.get(plugin.distribution, {}),
        )
        for plugin in registry().plugins.loaded
    ]
    loaded = {(row["distribution"], row["entry_point"]) for row in rows}
    failed = (one for one in problems if (one.distribution, one.entry_point) not in loaded)
    return [*rows, *(_row(one, "failed", import_seconds=None, hooks=[], names={}) for one in failed)]


def _row(of: Any, status: str, **more: Any) -> dict[str, Any]:
    where = {"distribution": of.distribution, "version": of.version, "entry_point": of.entry_point}
    return {**where, "status": status, **more}


def _cells(row: dict[str, Any], *, timings: bool) -> tuple[str, ...]:
    seconds = row["import_seconds"]
    took = "" if seconds is None else f"{1e3 * seconds:,.1f} ms"
    return (row["distribution"], row["version"], row["status"], *((took,) if timings else ()), _summary(row))


def _offered() -> dict[str, dict[str, list[str]]]:
    """By distribution and kind, the names; asking for them is what finds failing hooks."""
    offered: dict[str, dict[str, list[str]]] = {}
    for kind in registry().kinds:
        for name, distribution in registry().catalogue(kind).offers():
            offered.setdefault(distribution, {}).setdefault(kind.plural, []).append(name)
    return offered


def _status(distribution: str, entry_point: str, problems: list[PluginProblem]) -> str:
    failed = any((problem.distribution, problem.entry_point) == (distribution, entry_point) for problem in problems)
    return "failed" if failed else "ok"


def _summary(row: dict[str, Any]) -> str:
    counts = [f"{len(names)} {kind}" for kind, names in row["names"].items()]
    return ", ".join(counts) or ", ".join(row["hooks"])


def _problems() -> list[dict[str, str]]:
    return [
        {"distribution": problem.distribution, "reason": problem.reason, "traceback": problem.traceback}
        for problem in registry().plugins.problems
    ]
