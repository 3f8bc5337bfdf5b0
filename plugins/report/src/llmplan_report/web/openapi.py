"""The page's endpoints as an OpenAPI document, made from the options themselves."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from llmplan.request import options_of
from llmplan_report.web.answers import COMMANDS


def openapi() -> dict[str, Any]:
    """Every endpoint with what it takes."""
    paths: dict[str, Any] = {
        "/api/offered": {"get": {"summary": "Models, GPUs, dtypes and options", "responses": _RESPONSES}},
        "/api/frontier": {
            "post": {"summary": "Throughput against time per token", "requestBody": _body("infer"),
                     "responses": _RESPONSES}
        },
    }  # fmt: skip
    for command in COMMANDS:
        summary = f"What llmplan {command} answers, options as on its command line with _ for -"
        paths[f"/api/{command}"] = {
            "post": {"summary": summary, "requestBody": _body(command), "responses": _RESPONSES}
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "llmplan", "version": version("llmplan-core")},
        "paths": paths,
        "components": {"schemas": {name: _schema(name) for name in COMMANDS}},
    }


_RESPONSES = {"200": {"description": "The answer"}, "400": {"description": "One line that says what is wrong"}}


def _body(command: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{command}"}}}
    return {"required": True, "content": content}


def _schema(command: str) -> dict[str, Any]:
    properties = {
        name: {"type": "boolean" if option["flag"] else ["string", "number"], "description": option["help"]}
        for name, option in options_of(COMMANDS[command]).items()
        if "FILE" not in option["metavar"]
    }
    return {"type": "object", "properties": properties, "required": ["model", "gpu"], "additionalProperties": False}
