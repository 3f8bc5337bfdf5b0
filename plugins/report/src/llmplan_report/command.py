"""``llmplan report``, any other command of llmplan as a page; ``llmplan serve``, all of them in a browser."""

from __future__ import annotations

import io
import socket
from contextlib import redirect_stdout

import typer

from llmplan.catalogues import registry
from llmplan.cli.app import build_app
from llmplan.errors import BadInputError

_MOST_AT_ONCE = 16
"""Requests that the page answers side by side."""
_PRICES = ("train", "infer", "search")


def add_report(app: typer.Typer) -> None:
    """Add ``llmplan report`` to the app."""

    @app.command(
        "report",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        options_metavar="[--output FILE.html] train|infer|search ...",
        help="A command's answer as one self-contained page. Its words are those of the command, behind report.",
    )
    def report(
        context: typer.Context,
        output: str = typer.Option("report.html", "--output", metavar="FILE.html", help="The page."),
    ) -> int | None:
        """Run the command with the page as one more thing to write, and say where it is."""
        asked = context.args
        if not asked or asked[0] not in _PRICES:
            raise BadInputError(f"report: {asked[0] if asked else 'nothing'!r} is none of {', '.join(_PRICES)}")
        if not output.endswith(".html"):
            raise BadInputError(f"output: {output!r} does not end in .html")
        words = [*asked, "--output", output]
        with redirect_stdout(io.StringIO()):
            code = build_app(registry(), words)(args=words, prog_name="llmplan", standalone_mode=False)
        print(output)
        return code if isinstance(code, int) else None


def add_serve(app: typer.Typer) -> None:
    """Add ``llmplan serve`` to the app."""

    @app.command("serve", help="A page on this machine: move sliders, see time and cost move.")
    def serve(
        port: int = typer.Option(
            8321, "--port", metavar="N", min=0, max=65535, help="Of this machine; 0 takes a free one."
        ),
    ) -> None:
        """Answer requests of this machine until Ctrl-C."""
        try:
            import uvicorn

            from llmplan_report.web.app import make_app
        except ImportError as error:
            missing = "serve: a web server is not installed; python3 -m pip install starlette uvicorn brings it"
            raise BadInputError(missing) from error
        listening = _listening(port)
        print(f"http://127.0.0.1:{listening.getsockname()[1]}/  (Ctrl-C ends it)", flush=True)
        settings = uvicorn.Config(make_app(), log_level="warning", limit_concurrency=_MOST_AT_ONCE)
        uvicorn.Server(settings).run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    """Of this machine alone, whatever other networks it is in."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as error:
        raise BadInputError(f"port: {port} is taken; --port 0 takes a free one") from error
    return listening
