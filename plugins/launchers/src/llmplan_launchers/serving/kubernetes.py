"""Kubernetes: a Deployment and a Service of the plan's engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, Launcher, LaunchFile
from llmplan_launchers.formats.words import comments, headline, repository
from llmplan_launchers.formats.yaml import yaml
from llmplan_launchers.serving import llama_cpp, sglang, tensorrt_llm, vllm
from llmplan_launchers.serving.server import MODEL, Server, over_nodes

_ENGINES: Mapping[str, Callable[..., Server]] = {
    "vllm": vllm.server,
    "sglang": sglang.server,
    "tensorrt-llm": tensorrt_llm.server,
    "llama.cpp": llama_cpp.server,
}
"""By the beginning of the engine's name."""
_RESOURCES = {"NVIDIA": "nvidia.com/gpu", "AMD": "amd.com/gpu", "Intel": "gpu.intel.com/xe"}
_CONFIG = "/etc/llmplan/config.yaml"


def _write(estimate: Estimate) -> LaunchFile:
    server = _server(estimate)
    plan = estimate.plan
    nodes = over_nodes(plan, server.gpus)
    if nodes > 1:
        raise BadInputError(
            f"kubernetes: a server of {server.gpus} GPUs spans {nodes} nodes; a Deployment's pod has one"
        )
    name = plan.model.name.replace(".", "-")
    documents = [_deployment(name, plan, server), _service(name, server)]
    if server.config:
        documents.insert(0, _config_map(name, server))
    text = comments(headline(f"Kubernetes with {server.program}", estimate)) + "---\n".join(map(yaml, documents))
    own = [remark for remark in server.remarks if not remark.startswith(("dp:", "MODEL has"))]
    weights = [] if repository(plan.model) else [f"the weights of {plan.model.name}: fill in their path"]
    return LaunchFile(text, (*own, *weights, f"the version of {server.image}: pin it"))


def _server(estimate: Estimate) -> Server:
    engine = getattr(estimate.plan, "engine", None)
    for beginning, make in _ENGINES.items():
        if engine is not None and engine.name.startswith(beginning):
            return make(estimate, apart=True)
    named = "of training" if engine is None else f"for engine {engine.name}"
    raise BadInputError(f"kubernetes: a plan {named}: servers of {', '.join(_ENGINES)} are written")


def _deployment(name: str, plan: Any, server: Server) -> dict[str, Any]:
    resource = _RESOURCES.get(plan.hardware.vendor, _RESOURCES["NVIDIA"])
    volumes: list[dict[str, Any]] = [{"name": "shm", "emptyDir": {"medium": "Memory"}}]
    mounts: list[dict[str, Any]] = [{"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108 - of the container
    if server.config:
        volumes.append({"name": "config", "configMap": {"name": f"{name}-config"}})
        mounts.append({"name": "config", "mountPath": _CONFIG.rpartition("/")[0]})
    container: dict[str, Any] = {
        "name": "server",
        "image": server.image,
        "command": _command(plan, server),
        "ports": [{"containerPort": server.port}],
        "resources": {"limits": {resource: server.gpus}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": server.port}},
        "volumeMounts": mounts,
    }
    if server.environment:
        container["env"] = [{"name": key, "value": value} for key, value in server.environment.items()]
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [container], "volumes": volumes}}
    spec = {"replicas": server.copies, "selector": {"matchLabels": labels}, "template": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def _command(plan: Any, server: Server) -> list[str]:
    """The words of the command, one a line."""
    model = repository(plan.model) or f"/models/{plan.model.name}"
    words = [model if word == MODEL else word for word in server.words]
    keys = {**server.keys, "--host": "0.0.0.0", "--port": server.port}  # noqa: S104 - inside a pod
    if server.config:
        keys[server.config_flag] = _CONFIG
    for key, value in keys.items():
        if value is not None and value is not False:
            words += [key] if value is True else [key, str(value)]
    return words


def _service(name: str, server: Server) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": server.port}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _config_map(name: str, server: Server) -> dict[str, Any]:
    data = {_CONFIG.rpartition("/")[2]: yaml(server.config or {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"{name}-config"}, "data": data}


LAUNCHER = Launcher(
    name="kubernetes",
    command="infer",
    write=_write,
    suffix=".yaml",
    description="Kubernetes: a Deployment and a Service of the plan's engine",
)
