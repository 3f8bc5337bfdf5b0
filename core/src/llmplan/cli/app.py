"""The Typer app: llmplan's own commands and those of plugins."""

from collections.abc import Sequence
from importlib.metadata import version as distribution_version
from typing import Annotated, Any

import typer

from llmplan.catalogues import Registry
from llmplan.cli.estimate import add_estimates
from llmplan.cli.listing import add_list
from llmplan.cli.plugins import add_plugins
from llmplan.cli.show import add_show
from llmplan.cli.validate import add_validate
from llmplan.plugins import PluginError

# Rich help costs 175 ms at every start of --help, and Rich tracebacks hide what a bug report needs
_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
_HELP = "How long a model trains or serves on given hardware, how much memory it takes, and what it costs."


def build_app(registry: Registry, arguments: Sequence[str]) -> typer.Typer:
    """A fresh app, so that nothing is loaded when this module is imported."""
    app = typer.Typer(name="llmplan", help=_HELP, **_PLAIN)
    app.callback()(_global_options)
    add_estimates(app, arguments)
    for add in (add_list, add_show, add_plugins, add_validate):
        add(app)
    _add_plugin_commands(app, registry)
    return app


def _print_version(asked: bool) -> None:
    if asked:
        print(f"llmplan {distribution_version('llmplan-core')}")
        raise typer.Exit


def _global_options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def _add_plugin_commands(app: typer.Typer, registry: Registry) -> None:
    """Each plugin fills an app of its own, so that a half-finished one leaves nothing behind."""
    hook = "llmplan_commands"
    taken = {command.name for command in app.registered_commands}
    for plugin, implementation in registry.plugins.implementations(hook):

        def mount(implementation: Any = implementation) -> None:
            from typer.main import get_group

            offered = typer.Typer(**_PLAIN)
            implementation(app=offered)
            names = set(get_group(offered).commands)  # as Typer makes them; what it cannot read fails here
            if names & taken:
                raise PluginError(f"the command {min(names & taken)} exists already")
            taken.update(names)
            app.registered_commands.extend(offered.registered_commands)
            app.registered_groups.extend(offered.registered_groups)

        registry.plugins.run(plugin, hook, mount)
