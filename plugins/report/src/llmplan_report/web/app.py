"""The ASGI application: the page, its answers as JSON, nothing else; for this machine alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from llmplan.cli.said import one_line
from llmplan.errors import BadInputError, LlmplanError
from llmplan_report.web.answers import COMMANDS, answer, frontier, offered
from llmplan_report.web.openapi import openapi

_STATIC = Path(__file__).with_name("static")
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
_MOST_BYTES, _PATIENCE_SECONDS = 16_384, 10.0
"""Of a body, and for it to come: of who sends nothing more, a few would keep everybody else out."""
_WANTED = "the body is to be one JSON object"
_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
HOSTS = ["127.0.0.1", "localhost"]
"""Under which the page answers, so that no other site's name leads to it."""


def make_app() -> Starlette:
    """Make the application that serves the page."""
    routes = [
        Route("/", _file("index.html")),
        *(Route(f"/{name}", _file(name)) for name in ("app.js", "style.css")),
        Route("/favicon.ico", _nothing),
        Route("/openapi.json", _reading(openapi)),
        Route("/api/offered", _reading(offered)),
        Route("/api/frontier", _answering(frontier), methods=["POST"]),
        *(Route(f"/api/{command}", _answering(partial(answer, command)), methods=["POST"]) for command in COMMANDS),
    ]
    return Starlette(routes=routes, middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS)])


async def _nothing(_request: Request) -> Response:
    """Browsers ask for an icon, whether there is one or not."""
    return Response(status_code=204, headers=_HEADERS)


def _file(name: str) -> Callable[[Request], Any]:
    contents, kind = (_STATIC / name).read_bytes(), _TYPES[Path(name).suffix]

    async def serve(_request: Request) -> Response:
        return Response(contents, media_type=kind, headers=_HEADERS)

    return serve


def _reading(read: Callable[[], Any]) -> Callable[[Request], Any]:
    async def serve(_request: Request) -> Response:
        return JSONResponse(await run_in_threadpool(read), headers=_HEADERS)

    return serve


def _answering(price: Callable[[dict[str, Any]], Any]) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        try:
            given = await asyncio.wait_for(_options(request), _PATIENCE_SECONDS)
            return JSONResponse(await run_in_threadpool(price, given), headers=_HEADERS)
        except LlmplanError as error:
            return _refusal(str(error))
        except (ValueError, RecursionError):
            return _refusal(_WANTED)
        except (asyncio.TimeoutError, ClientDisconnect):
            return _refusal("the body did not come")

    return serve


def _refusal(line: str) -> Response:
    """One line, whatever letters of no language somebody has sent in it."""
    said = one_line(line).encode("utf-8", "backslashreplace").decode()
    return JSONResponse({"error": said}, status_code=400, headers=_HEADERS)


async def _options(request: Request) -> dict[str, Any]:
    """The body, of a bounded size; another site's form cannot send this type."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise ValueError("not JSON")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise ValueError("too long")
    given = json.loads(body)
    if not isinstance(given, dict):
        raise BadInputError(_WANTED)
    return given
