"""Entry point: runs a command, and turns everything that goes wrong into one line and an exit code."""

import sys
from collections.abc import Sequence

import typer

from llmplan.catalogues.offered import registry, selected
from llmplan.catalogues.plugins import is_strict, printing_problems
from llmplan.catalogues.selection import of_arguments
from llmplan.cli.app import build_app
from llmplan.cli.said import one_line_each, say
from llmplan.cli.streams import flushed, is_unwritable, open_streams, refused
from llmplan.errors import BadInputError, LlmplanError

BAD_INPUT, INTERRUPTED = 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``llmplan`` with these arguments (the process's own by default); the exit code."""
    open_streams()
    with one_line_each():
        return flushed(_run_with_plugins(arguments))


def _run_with_plugins(arguments: Sequence[str] | None) -> int:
    given = (sys.argv[1:] if arguments is None else list(arguments)) or ["--help"]
    try:
        words, selection = of_arguments(given)
        with printing_problems(), selected(selection):
            return _run_and_tell(words)
    except LlmplanError as error:  # of a selection that is none
        say(f"llmplan: {error}")
        return error.exit_code


def _run_and_tell(given: Sequence[str]) -> int:
    """The command, then what is wrong with plugins; in strict mode any of it is a failure."""
    plugins = registry().plugins
    plugins.failures.clear()
    plugins.clashes.clear()
    code = _run(given)
    for problem in plugins.problems:
        say(problem.line)
    for clash in plugins.clashes:
        say(f"llmplan: {clash}")
    if code == 0 and is_strict():
        return 1 if plugins.problems or plugins.failures or plugins.clashes else 0
    return code


def _run(given: Sequence[str]) -> int:
    try:
        _check_words(given)
        result = build_app(registry(), given)(args=given, prog_name="llmplan", standalone_mode=False)
    except LlmplanError as error:
        if error.exit_code == BAD_INPUT:
            _refused(str(error), error, given)
        else:
            say(f"llmplan: {error}")
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        say("llmplan: interrupted")
        return INTERRUPTED
    except BaseException as error:  # noqa: BLE001 - it is raised again where it is llmplan's own fault
        return refused(error) if is_unwritable(error) else _escaped(error, given)
    return result if isinstance(result, int) else 0


def _check_words(given: Sequence[str]) -> None:
    """BadInputError where one says nothing: a variable of a script that nobody has set is no option left out."""
    for before, word in zip([given[0], *given], given, strict=False):
        option, equals, value = word.partition("=")
        if not word.strip() or (equals and not value.strip() and option.startswith("--")):
            name = option if equals else before
            raise BadInputError(
                f"{name.lstrip('-') or given[0] or 'command'}: '' says nothing: give a value, or leave it out"
            )


def _refused(line: str, error: BaseException, given: Sequence[str]) -> None:
    """What is wrong on one line and, apart, a command that works."""
    from llmplan.cli.advice import tell

    tell(line, "refused", error, given)


def _escaped(error: BaseException, given: Sequence[str]) -> int:
    """A command line that cannot be read, or the code of a plugin; what is llmplan's own fault is raised."""
    from llmplan.catalogues.guard import failure_of_plugin

    if hasattr(error, "format_message"):  # of Typer's parser, whose classes are not public
        _refused(" ".join(error.format_message().split()), error, given)
        return BAD_INPUT
    failure = failure_of_plugin(error)
    if failure is None:
        raise error
    say(f"llmplan: {failure}")
    return failure.exit_code
