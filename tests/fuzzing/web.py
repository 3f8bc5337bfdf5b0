"""Requests to the page of ``llmplan serve``: bodies that make sense, and such as no browser sends."""

from __future__ import annotations

import asyncio
import json
import resource
import time
from functools import cache
from typing import Any

from hypothesis import strategies as st
from starlette.applications import Starlette

from fuzzing.running import BYTES, SECONDS
from fuzzing.words import HOSTILE, words_for
from llmplan.request import InferRequest, TrainRequest, options_of
from llmplan_report.web.app import make_app

PLAIN = {"model": "llama-7b", "gpu": "h100-sxm-80gb", "tp": "1", "dp": "1"}
COMMANDS = {
    "train": (TrainRequest, {**PLAIN, "pp": "1", "gpus": "1", "zero": "1", "offload": "none"}),
    "infer": (InferRequest, PLAIN),
    "frontier": (InferRequest, PLAIN),
}
VALUES = (
    *(None, True, False, 0, -1, 1.5, 1e308, -1e308, 10**30, float("nan"), float("inf"), [], {}, [1, 2], {"a": 1}),
    *("\ud800", "\x00", "é" * 90, "9" * 199, "x" * 100_000, [[[]]]),
)
BODIES = (
    *(b"", b"null", b"[]", b"{", b'{"a"}', b"\xff\xfe", b"\x00", b"1", b'"x"', b"[" * 16_000, b'{"model": NaN}'),
    *(b'{"model": ' + b"9" * 5_000 + b"}", b'{"a":' * 3_000, b" " * 1_000_000, b'{"model": "llama-7b", "model": 3}'),
)
METHODS = ("POST", "POST", "POST", "POST", "GET", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW")
PATHS = (
    *("/", "/api/offered", "/openapi.json", "/app.js", "/favicon.ico", "/api/", "/api/search", "/api/train/", "//"),
    *("/../../etc/passwd", "/static/../app.py", "/%00", "/api/train?x=1", "/\udcff", "/" + "x" * 9_000),
)
KINDS = ("application/json", "application/json", "application/json; charset=latin-1", "text/plain", "", "\x00")


@cache
def app() -> Starlette:
    """Made once."""
    return make_app()


@st.composite
def requests(draw):
    """Method, path, type, body, and after how many bytes the client hangs up, which is None where it stays."""
    command = draw(st.sampled_from(tuple(COMMANDS)))
    request, plain = COMMANDS[command]
    if draw(st.integers(0, 3)) == 0:
        body, path = draw(st.sampled_from(BODIES)), draw(st.sampled_from((*PATHS, f"/api/{command}")))
        return (
            draw(st.sampled_from(METHODS)),
            path,
            draw(st.sampled_from(KINDS)),
            body,
            draw(st.sampled_from((None, 0, 9))),
        )
    options = options_of(request)
    given: dict[Any, Any] = dict(plain)
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from((*options, *HOSTILE)))
        sound = draw(st.booleans()) and name in options
        given[name] = draw(st.sampled_from(words_for(options[name]) if sound else (*HOSTILE, *VALUES)))
    body = json.dumps(given).encode()
    return "POST", f"/api/{command}", KINDS[0], body, draw(st.sampled_from((None, None, None, len(body) // 2)))


def asked(method: str, path: str, kind: str, body: bytes, hangs_up: int | None) -> int:
    """The status of the answer, 0 where nobody hears it; AssertionError where it is none that a page gives."""
    begin, sent = time.process_time(), []
    whole, query = path.encode("utf-8", "surrogateescape"), b""
    if b"?" in whole:
        whole, _, query = whole.partition(b"?")
    headers = [(b"host", b"127.0.0.1"), (b"content-type", kind.encode())]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "root_path": ""}
    scope |= {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "query_string": query, "headers": headers}
    scope |= {"method": method, "path": whole.decode("utf-8", "replace"), "raw_path": whole}
    parts = [body[at : at + 8_192] for at in range(0, len(body), 8_192)] or [b""]
    events = [{"type": "http.request", "body": part, "more_body": True} for part in parts]
    events[-1]["more_body"] = False
    if hangs_up is not None:
        events = [{"type": "http.request", "body": body[:hangs_up], "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        return events.pop(0) if events else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app()(scope, receive, send))  # type: ignore[arg-type]
    assert time.process_time() - begin < SECONDS
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10 < BYTES
    if hangs_up is not None and not sent:
        return 0
    status, text = sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])
    assert status in (200, 204, 307, 400, 404, 405), status
    if path.startswith("/api/") and status == 400:
        said = json.loads(text)["error"]
        assert said
        assert "\n" not in said
        assert len(said) < 20_000
    elif path in {f"/api/{command}" for command in COMMANDS} and status == 200:
        json.loads(text, parse_constant=_refuse)
    return int(status)


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} in JSON")
