"""The contract of launchers: what they write is text, and what they read of it are the plan's own options.

`llmplan.testing` is the door to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llmplan import records
from llmplan.catalogues import LAUNCHERS
from llmplan.errors import BadInputError
from llmplan.estimate import Estimate, InferenceEstimate, Launcher, LaunchFile, LaunchOptions, TrainingEstimate
from llmplan.request import InferRequest, TrainRequest
from llmplan_kit.contracts import ContractError, checked_name, require

_SIZES = ("gpus", "tp", "pp", "dp", "cp", "ep")
_NUMBERS = ("micro_batch", "gradient_accumulation", "seq_len", "batch")
_OTHERS = ("", "{}", "[section]\nkey = 1\n", "#!/bin/sh\nprogram --verbose\n")
"""Files of nobody."""
_LAYOUTS: tuple[dict[str, Any], ...] = ({"gpus": 1}, {"gpus": 2, "tp": 2}, {"gpus": 4, "tp": 2, "dp": 2})


def check_launcher(launcher: Launcher, estimates: Iterable[Estimate]) -> None:
    """It writes plans or refuses them with BadInputError, and reads back the options of those that it wrote."""
    name = checked_name(LAUNCHERS, launcher)
    require(launcher.description, f"{name}: no description")
    both = (launcher.read is None) == (launcher.recognises is None)
    require(both, f"{name}: read and recognises belong together: llmplan asks who knows a file before it is read")
    if launcher.recognises is not None:
        for text in _OTHERS:
            require(
                not launcher.recognises(text), f"{name}: recognises {text!r}: a file is to be of one launcher alone"
            )
    for estimate in estimates:
        try:
            launch = launcher.write(estimate)
        except BadInputError:
            continue
        _check_file(name, launch)
        if launcher.read is not None and launcher.recognises is not None:
            text = launcher.text(launch)
            require(launcher.recognises(text), f"{name}: does not recognise what it wrote")
            _check_options(name, launcher, launcher.read(text), estimate)


def _check_file(name: str, launch: Any) -> None:
    require(isinstance(launch, LaunchFile), f"{name}: write: returned a {type(launch).__name__}, not a LaunchFile")
    require(launch.text.endswith("\n"), f"{name}: write: the text does not end in a new line")
    _check_remarks(f"{name}: write", launch.remarks)


def _check_remarks(where: str, remarks: Any) -> None:
    lines = isinstance(remarks, tuple) and all(isinstance(line, str) and line and "\n" not in line for line in remarks)
    require(lines, f"{where}: remarks: {remarks!r} is no tuple of lines")


def _check_options(name: str, launcher: Launcher, found: Any, estimate: Estimate) -> None:
    from llmplan.catalogues.toml_source import TomlSource
    from llmplan.request.plan_file import plan_options

    require(isinstance(found, LaunchOptions), f"{name}: read: returned a {type(found).__name__}, not LaunchOptions")
    _check_remarks(f"{name}: read", found.remarks)
    request = TrainRequest if launcher.command == "train" else InferRequest
    try:
        options = plan_options(TomlSource("read", "", dict(found.options)), request)
    except BadInputError as error:
        raise ContractError(f"{name}: {error}") from error
    planned = {size: getattr(estimate.plan.layout, size) for size in _SIZES}
    planned |= {number: getattr(estimate.plan, number) for number in _NUMBERS if hasattr(estimate.plan, number)}
    for field, value in planned.items():
        read = options.get(field)
        require(read in (None, value), f"{name}: read: {field} {read}, where the plan has {value}")


def sample_estimates(
    command: str, model: records.ModelArchitecture, hardware: records.HardwareProfile, dtype: records.DTypeRule
) -> list[Estimate]:
    """Of one device and a few, without any cost model."""
    shared: dict[str, Any] = {
        "model": model,
        "hardware": hardware,
        "dtype": dtype,
        "gemm": dtype.gemm_format(hardware),
        "efficiency": records.Efficiency(),
        "cost_model": "none",
    }
    make = _training if command == "train" else _inference
    return [make({**shared, "layout": records.Layout(**sizes)}) for sizes in _LAYOUTS]


def _training(shared: dict[str, Any]) -> TrainingEstimate:
    plan = records.TrainingPlan(
        **shared, micro_batch=2, gradient_accumulation=4, seq_len=64, tokens=1e9, recompute=records.Recompute.NONE
    )
    return TrainingEstimate(
        plan=plan,
        time_breakdown={"compute": 1.0},
        forward_breakdown=None,
        memory_breakdown={"weights": 1e9},
        model_flops=1e12,
        hardware_flops=1e12,
    )


def _inference(shared: dict[str, Any]) -> InferenceEstimate:
    plan = records.InferencePlan(**shared, batch=2, prompt_tokens=32, output_tokens=32, kv_bits=16.0)
    return InferenceEstimate(
        plan=plan,
        prefill_breakdown={"compute": 1.0},
        decode_breakdown={"compute": 1.0},
        memory_breakdown={"weights": 1e9},
        memory_bytes_per_sequence=1e6,
    )
