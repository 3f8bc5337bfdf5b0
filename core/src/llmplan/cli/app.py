"""The Typer app: llmplan's own commands and those of plugins."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from llmplan.catalogues import Registry
from llmplan.catalogues.plugins import PluginError
from llmplan.cli.options import COMPLETING, not_run

# Rich help costs 175 ms at every start of --help, and Rich tracebacks hide what a bug report needs
_PLAIN: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}
_HELP_OPTIONS = frozenset(("-h", "--help"))
_HELP = "How long a model trains or serves on given hardware, how much memory it takes, and what it costs."


_COMMANDS = (
    ("train", "estimate:add_train", "What a training run takes: time, memory, GPU-hours, cost."),
    ("infer", "estimate:add_infer", "What serving takes: prefill, decode, memory, tokens/s, cost."),
    ("search", "search:add_search", "The best of all legal plans, by time, cost, energy or GPUs."),
    ("plugins", "plugins:add_plugins", "Plugins, what they offer, and why one fails."),
)
_GROUPS = ("search", "plugins")
"""To which plugins may add commands."""
_OF_GROUPS = ("", "train", "infer")
"""What stands behind the name of a group where none of a plugin's commands is meant."""


@contextmanager
def _interruptible() -> Iterator[None]:
    """Typer would make Ctrl-C an exit code of which nobody hears why."""
    try:
        yield
    except KeyboardInterrupt:
        raise typer.Abort from None


class _InOrder(TyperGroup):
    """What people come for first, then what plugins add, at last how it works itself; with commands that run here."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        with _interruptible():
            return super().make_context(*given, **more)

    def invoke(self, ctx: Any) -> Any:
        with _interruptible():
            return super().invoke(ctx)

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        first = [name for name, _, _ in _COMMANDS[:-1] if name in names]
        last = [name for name, _, _ in _COMMANDS[-1:] if name in names]
        return [*first, *(name for name in names if name not in (*first, *last)), *last]

    def format_epilog(self, _ctx: Any, formatter: Any) -> None:
        from llmplan.cli.help import EXAMPLES, examples

        with formatter.section("Examples"):
            for command in EXAMPLES:
                formatter.write("".join(f"  {example}\n" for example in examples(command)[:1]))


def build_app(registry: Registry, arguments: Sequence[str]) -> typer.Typer:
    """A fresh app. Commands that the arguments do not name are stubs, and of the one that they name only the options
    that they hold are made, since all take 10 ms; everything is whole where there are no arguments, or a shell
    completes some.
    """
    app = typer.Typer(
        name="llmplan", cls=_InOrder, help=_HELP, context_settings={"help_option_names": [*_HELP_OPTIONS]}, **_PLAIN
    )
    app.callback()(_global_options)
    all_of_them = not arguments or COMPLETING
    first, second, *_ = [*(argument for argument in arguments if not argument.startswith("-")), "", ""]
    for name, home, summary in _COMMANDS:
        if not all_of_them and name != first:
            app.command(name, help=summary)(not_run)
            continue
        module, _, add = home.partition(":")
        getattr(import_module(f"llmplan.cli.{module}"), add)(app, summary, () if all_of_them else arguments)
    whole = all_of_them or not _HELP_OPTIONS.isdisjoint(arguments)
    others = first in _GROUPS and second not in _OF_GROUPS
    _add_plugin_commands(app, registry, own=whole or others or first not in {name for name, _, _ in _COMMANDS})
    return app


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version as distribution_version

        print(f"llmplan {distribution_version('llmplan-core')}")
        raise typer.Exit


def _global_options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    _plugin: Annotated[
        list[str] | None, typer.Option("--plugin", metavar="FILE.py", help="A plugin that is not installed.")
    ] = None,
    _without_plugin: Annotated[
        list[str] | None, typer.Option("--without-plugin", metavar="NAME", help="As if this one were not installed.")
    ] = None,
) -> None:
    """Plugins are read off the command line before there is an app, which has their commands."""


def _extend(group: Any, by: Any) -> None:
    """Give a group the commands of another of its name."""
    group.registered_commands.extend(by.registered_commands)


def _names(group: Any) -> set[Any]:
    """Of the commands in a group."""
    return {command.name for command in group.registered_commands}


def _add_plugin_commands(app: typer.Typer, registry: Registry, *, own: bool) -> None:
    """Each plugin fills an app of its own, so that a half-finished one leaves nothing behind.

    Those of this project clash with nothing: they are asked where they may be wanted alone, `own`.
    """
    hook = "llmplan_commands"
    taken = {command.name for command in app.registered_commands} | {group.name for group in app.registered_groups}
    ours = registry.plugins.own
    offering = sorted(registry.plugins.implementations(hook), key=lambda one: one[0].distribution not in ours)
    for plugin, implementation in offering:
        if not own and plugin.distribution in ours:
            continue

        def mount(implementation: Any = implementation) -> None:
            from typer.main import get_group

            offered = typer.Typer(**_PLAIN)
            implementation(app=offered)
            names = set(get_group(offered).commands)  # as Typer makes them; what it cannot read fails here
            groups = {str(group.name): group.typer_instance for group in app.registered_groups}
            joining = {str(group.name): group.typer_instance for group in offered.registered_groups}
            more: dict[str, Any] = {name: group for name, group in joining.items() if name in _GROUPS}
            clashing = sorted((names - more.keys()) & taken) or [
                name for name, group in more.items() if name in groups and _names(group) & _names(groups[name])
            ]
            if clashing:
                raise PluginError(f"the command {clashing[0]} exists already")
            taken.update(names)
            app.registered_commands.extend(offered.registered_commands)
            app.registered_groups.extend(group for group in offered.registered_groups if group.name not in more)
            for name in more.keys() & groups.keys():  # another is a stub, for which nobody asks
                _extend(groups[name], more[name])

        registry.plugins.run(plugin, hook, mount)
