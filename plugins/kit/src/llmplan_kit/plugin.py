"""The hook that this package implements: commands under ``llmplan plugins``."""

from pathlib import Path
from typing import Annotated

import typer

from llmplan.hookspecs import hookimpl

LLMPLAN_API = 1
_KINDS = (
    *("gpu", "cluster", "model", "dtype", "cost-model", "framework", "engine", "optimizer", "schedule"),
    *("reporter", "exporter", "launcher", "validation-set", "run-reader", "site", "price", "grid", "command"),
)
"""Of packages to start from; those of `skeleton`, which is not imported at every start."""


@hookimpl
def llmplan_commands(app: typer.Typer) -> None:
    """``llmplan plugins new`` and ``llmplan plugins check``."""
    group = typer.Typer()
    group.command("new", help="A complete package of a plugin to start from, with its tests.")(_new)
    group.command("check", help="Run the contracts on a plugin, a folder or a file. On all plugins without a name.")(
        _check
    )
    app.add_typer(group, name="plugins")


def _new(
    name: Annotated[str, typer.Argument(help="Of what it offers: acme-x1.")],
    kind: Annotated[
        str,
        typer.Option("--kind", help=f"{', '.join(_KINDS)}."),
    ],
    folder: Annotated[str, typer.Option("--folder", metavar="DIRECTORY", help="Where its folder is made.")] = ".",
) -> None:
    from llmplan_kit.skeleton import write_package

    made = write_package(name, kind, Path(folder))
    print(f"{made}\n  cd {made} && pip install '.[test]' && pytest")


def _check(
    what: Annotated[
        str | None, typer.Argument(help="A distribution, a folder with a pyproject.toml, a .py file.")
    ] = None,
) -> int:
    from llmplan_kit.checking import checked

    failed = 0
    for name, wrong in checked(what):
        failed += bool(wrong)
        print(f"{name}: {wrong or 'ok'}")
    return 1 if failed else 0
