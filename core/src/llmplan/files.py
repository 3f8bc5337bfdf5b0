"""User files: plans, models and accelerators in TOML, and files written whole or not at all."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cattrs
import tomli
from attrs import fields, frozen

from llmplan.catalogues import GPUS, MODELS, Kind
from llmplan.errors import BadInputError
from llmplan.records import HardwareProfile, Transformer
from llmplan.requests import InferRequest, TrainRequest
from llmplan.units import GBIT, GIB, GIGA, MEGA, TERA


@frozen(kw_only=True)
class ModelFile:
    """A model in TOML: the shape of a decoder-only transformer."""

    name: str
    family: str = ""
    layers: int
    hidden: int
    heads: int
    kv_heads: int | None = None
    head_dim: int | None = None
    ffn_hidden: int
    gated_mlp: bool
    vocab: int
    max_seq_len: int | None = None
    tied_embeddings: bool = False
    norm: str = "rms"
    position: str = "rope"
    training_seq_len: int | None = None
    training_tokens: float | None = None
    source: str = ""
    note: str = ""

    def record(self) -> Transformer:
        """kv_heads are heads, and head_dim is hidden / heads, where left out."""
        if self.head_dim is None and self.heads > 0 and self.hidden % self.heads:
            raise BadInputError(f"head_dim: not given, and hidden {self.hidden} is no multiple of heads {self.heads}")
        left_out = ("source", "kv_heads", "head_dim")
        values = {field.name: getattr(self, field.name) for field in fields(ModelFile) if field.name not in left_out}
        return Transformer(
            **values,
            kv_heads=self.heads if self.kv_heads is None else self.kv_heads,
            head_dim=self.hidden // max(self.heads, 1) if self.head_dim is None else self.head_dim,
            sources={"model": self.source} if self.source else {},
        )


@frozen(kw_only=True)
class HardwareFile:
    """An accelerator in TOML, in the units of datasheets. Rates are dense, bandwidths of one direction and device."""

    name: str
    vendor: str = ""
    architecture: str = ""
    memory_gib: float
    memory_bandwidth_gb_per_s: float
    fp32_tflops: float | None = None
    tf32_tflops: float | None = None
    fp16_tflops: float | None = None
    bf16_tflops: float | None = None
    fp8_tflops: float | None = None
    fp4_tflops: float | None = None
    int8_tops: float | None = None
    int4_tops: float | None = None
    scaleup_link: str = ""
    scaleup_bandwidth_gb_per_s: float
    scaleup_domain_size: int = 1
    scaleout_nic_gbits_per_gpu: float | None = None
    pcie_bandwidth_gb_per_s: float | None = None
    tdp_w: float | None = None
    launch_year: int | None = None
    l2_mb: float | None = None
    sm_count: int | None = None
    source: str = ""
    confidence: str = ""
    note: str = ""

    def record(self) -> HardwareProfile:
        """The same in SI."""
        rates = {name: value for name in _RATES if (value := getattr(self, name)) is not None}
        if not rates:
            raise BadInputError("fp16_tflops: no rate is given at all; one of " + ", ".join(_RATES))
        return HardwareProfile(
            name=self.name,
            vendor=self.vendor,
            architecture=self.architecture,
            memory_bytes=self.memory_gib * GIB,
            memory_bytes_per_second=self.memory_bandwidth_gb_per_s * GIGA,
            peak_flops={name.split("_")[0]: rate * TERA for name, rate in rates.items()},
            scale_up_link=self.scaleup_link,
            scale_up_bytes_per_second=self.scaleup_bandwidth_gb_per_s * GIGA,
            scale_up_domain=self.scaleup_domain_size,
            scale_out_bytes_per_second=_times(self.scaleout_nic_gbits_per_gpu, GBIT),
            host_bytes_per_second=_times(self.pcie_bandwidth_gb_per_s, GIGA),
            tdp_watts=self.tdp_w,
            l2_bytes=_times(self.l2_mb, MEGA),
            sm_count=self.sm_count,
            launch_year=self.launch_year,
            sources={"accelerator": self.source} if self.source else {},
            confidence=self.confidence,
            note=self.note,
        )


_RATES = tuple(field.name for field in fields(HardwareFile) if re.fullmatch(r"\w+_(tflops|tops)", field.name))
_FILE_CLASSES: Mapping[str, type[ModelFile | HardwareFile]] = {
    MODELS.singular: ModelFile,
    GPUS.singular: HardwareFile,
}


def _times(value: float | None, unit: float) -> float | None:
    return None if value is None else value * unit


def read_record(path: str, kind: Kind) -> Any:
    """The model or accelerator that a TOML file holds; BadInputError names file, line and field."""
    if kind.singular not in _FILE_CLASSES:
        raise BadInputError(f"{kind.singular}: {path}: only models and gpus can be given as files")
    source = TomlSource.read(path)
    return source.record(source.values, kind.singular)


def read_plan(path: str, request: type[TrainRequest | InferRequest]) -> dict[str, Any]:
    """The options that a plan file gives, checked.

    [model] and [gpu] tables become records; files that it names are looked for beside it.
    """
    source = TomlSource.read(path)
    known = [field.name for field in fields(request)]
    for key in source.values:
        if key not in known:
            raise source.error((key,), f"{key} is not an option{_near(key, known)}")
    return {key: source.option(key, value, request) for key, value in source.values.items()}


@frozen
class TomlSource:
    """A TOML file that is read, with its text at hand to say where something stands."""

    path: str
    text: str
    values: dict[str, Any]

    @classmethod
    def read(cls, path: str) -> TomlSource:
        """BadInputError where the file cannot be read or is no TOML."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise BadInputError(f"{path}: {reason}") from error
        try:
            return cls(path, text, tomli.loads(text))
        except tomli.TOMLDecodeError as error:
            line = f"line {error.lineno}, column {error.colno}"
            start = text.split("\n")[error.lineno - 1].split("=")[0].strip()
            raise BadInputError(f"{path}: {line}: {error.msg}" + (f", at {start}" if start else "")) from error

    def option(self, key: str, value: Any, request: type[TrainRequest | InferRequest]) -> Any:
        """The value of an option, as the request takes it."""
        names_a_record = key in _FILE_CLASSES
        if names_a_record and isinstance(value, dict):
            return self.record(value, key, (key,))
        if names_a_record and isinstance(value, str) and value.endswith(".toml"):
            return str(Path(self.path).parent / value)
        try:
            return getattr(request(**{key: value}), key)
        except BadInputError as error:
            raise self.error((key,), str(error)) from error

    def error(self, keys: tuple[str, ...], message: str) -> BadInputError:
        """An error that says where in the file the key stands."""
        line = self._line_of(keys)
        return BadInputError(f"{self.path}: line {line}: {message}" if line else f"{self.path}: {message}")

    def record(self, values: Mapping[str, Any], kind: str, table: tuple[str, ...] = ()) -> Any:
        """A model or an accelerator; BadInputError with every field that is wrong."""
        cls = _FILE_CLASSES[kind]
        try:
            return _converter().structure(values, cls).record()
        except BadInputError as error:
            raise self.error((*table, str(error).split(":")[0]), str(error)) from error
        except cattrs.BaseValidationError as error:
            known = [field.name for field in fields(cls)]
            problems = [_problem(line, known) for line in cattrs.transform_error(error, format_exception=_reason)]
            keys = (*table, problems[0].split(":")[0])
            raise self.error(keys, "; ".join(problems)) from error

    def _line_of(self, keys: tuple[str, ...]) -> int | None:
        table: tuple[str, ...] = ()
        for number, line in enumerate(self.text.split("\n"), 1):
            header = re.match(r"\s*\[\s*([\w.\-]+)\s*\]", line)
            if header:
                table = tuple(header[1].split("."))
            assigned = re.match(r"""\s*["']?([\w\-]+)["']?\s*=""", line)
            if (assigned and (*table, assigned[1]) == keys) or (header and table == keys):
                return number
        return None


def write_whole(path: str, contents: bytes) -> None:
    """Write beside, then rename: a reader never sees half a file, and a failure leaves the old one."""
    target = Path(path)
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        beside.write_bytes(contents)
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise BadInputError(f"output: {path}: {error.strerror}") from error


def _converter() -> cattrs.Converter:
    """Cattrs would read 8.5 as 8 and "8" as 8; in a plan worth millions, a value of the wrong type is an error."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    accepted: tuple[tuple[type, tuple[type, ...], str], ...] = (
        (int, (int,), "a whole number"),
        (float, (int, float), "a number"),
        (str, (str,), "text in quotes"),
        (bool, (bool,), "true or false"),
    )
    for target, types, words in accepted:
        converter.register_structure_hook(target, _strictly(target, types, words))
    return converter


def _strictly(target: type, types: tuple[type, ...], words: str) -> Any:
    def structure(value: Any, _type: type) -> Any:
        if not isinstance(value, types) or (isinstance(value, bool) and target is not bool):
            raise TypeError(f"{value!r} is not {words}")
        return target(value)

    return structure


def _reason(error: BaseException, _type: type | None) -> str:
    if isinstance(error, KeyError):
        return "missing"
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        return "unknown " + " ".join(sorted(error.extra_fields))
    return str(error)


def _problem(line: str, known: list[str]) -> str:
    """Cattrs says ``missing @ $.layers``; a person wants ``layers: missing``."""
    reason, _, path = line.rpartition(" @ ")
    field = path.removeprefix("$").removeprefix(".")
    if reason.startswith("unknown "):
        field = reason.split()[1]
        return f"{field}: not a field{_near(field, known)}"
    return f"{field}: {reason}" if field else reason


def _near(word: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]}?)" if near else f"; there are {', '.join(known)}"
