"""A server as its launchers see it: one program, its words, and how many of it a plan runs."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, LaunchFile
from llmplan.records import InferencePlan, ModelArchitecture, TrainingPlan
from llmplan_launchers.formats.nodes import gpus_per_node
from llmplan_launchers.formats.shell import joined
from llmplan_launchers.formats.words import comments, headline, repository
from llmplan_launchers.formats.yaml import yaml

MODEL = '"$MODEL"'
"""Stands for the model in the words of a program."""


@frozen(kw_only=True)
class Server:
    """One process group that answers requests."""

    program: str
    """As people call it."""
    words: tuple[str, ...]
    """The command up to its flags; `MODEL` stands for the model."""
    keys: Mapping[str, Any]
    gpus: int
    """That this one takes."""
    copies: int = 1
    """How many like it the plan runs, with requests spread over them."""
    remarks: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None
    """A YAML file that the command takes beside its flags, behind `config_flag`."""
    config_flag: str = "--config"
    image: str
    port: int
    environment: Mapping[str, str] = field(factory=dict)


@frozen
class Replicas:
    """Replicas that share experts serve together; all others are servers of their own."""

    together: int
    """Replicas of one server."""
    copies: int
    """Servers."""


def replicas(launcher: str, plan: InferencePlan, settings: Mapping[str, Any]) -> Replicas:
    """Experts are shared by all ranks of a server, or by none; BadInputError for anything between."""
    tp, dp, ep = settings["tp"], settings["dp"], settings["ep"]
    if ep == 1:
        return Replicas(1, dp)
    if ep % tp:
        raise BadInputError(f"{launcher}: ep {ep} with tp {tp}: experts are shared by all ranks of a server or by none")
    together = ep // tp
    if settings["pp"] > 1 and together > 1:
        raise BadInputError(f"{launcher}: ep {ep} over replicas with pp {settings['pp']}: no engine shares them so")
    if dp % together:
        raise BadInputError(f"{launcher}: ep {ep}: dp {dp} makes no groups of {together} replicas of {plan.model.name}")
    return Replicas(together, dp // together)


def has_experts(model: ModelArchitecture) -> bool:
    """Whether layers of the model route tokens to experts."""
    return getattr(model, "moe", None) is not None


def several(copies: int, gpus: int) -> list[str]:
    """What is said of more than one server."""
    if copies == 1:
        return []
    return [f"dp: the plan runs {copies} servers like this one, each on {gpus} GPUs, with requests spread over them"]


def over_nodes(plan: InferencePlan | TrainingPlan, gpus: int) -> int:
    """How many nodes one server spans."""
    return -(-gpus // gpus_per_node(plan.hardware, gpus))


def scripted(server: Callable[[Estimate], Server]) -> Callable[[Estimate], LaunchFile]:
    """What writes the script of a program, of the server that it makes of an estimate."""
    return lambda estimate: script(estimate, server(estimate))


def script(estimate: Estimate, server: Server) -> LaunchFile:
    """A shell script that becomes the server."""
    model = repository(estimate.plan.model)
    default = f":-{model}" if model else f":?path of {estimate.plan.model.name}"
    lines = [f'MODEL="${{MODEL{default}}}"\n']
    keys = dict(server.keys)
    if server.config:
        lines.append(f'CONFIG="$(mktemp --suffix .yaml)"\ncat > "$CONFIG" <<\'END\'\n{yaml(server.config)}END\n')
        keys[server.config_flag] = '"$CONFIG"'
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in server.environment.items())
    command = joined(f"exec {' '.join(server.words)}", keys)
    text = "#!/bin/bash\n" + comments(headline(server.program, estimate)) + "set -eu\n" + exports + "".join(lines)
    return LaunchFile(text + command, server.remarks)
