"""Entry point: runs a command, and turns everything that goes wrong into one line and an exit code."""

import io
import os
import sys
from collections.abc import Sequence

import typer

from llmplan.catalogues import registry
from llmplan.cli.app import build_app
from llmplan.errors import LlmplanError

BAD_INPUT = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``llmplan`` with these arguments (the process's own by default); the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows ? for a bar
    code = _run(arguments)
    problems = registry().plugins.problems
    for problem in problems:
        print(problem.line, file=sys.stderr)
    if problems and code == 0 and os.environ.get("LLMPLAN_STRICT") == "1":
        return 1
    return code


def _run(arguments: Sequence[str] | None) -> int:
    given = (sys.argv[1:] if arguments is None else list(arguments)) or ["--help"]
    try:
        result = build_app(registry(), given)(args=given, prog_name="llmplan", standalone_mode=False)
    except LlmplanError as error:
        print(f"llmplan: {error}", file=sys.stderr)
        return error.exit_code
    except typer.Abort:
        return 130
    except Exception as error:
        from llmplan.cli.usage import is_usage_error, usage_line

        if not is_usage_error(error):
            raise
        print(f"llmplan: {usage_line(error)}", file=sys.stderr)
        return BAD_INPUT
    return result if isinstance(result, int) else 0
