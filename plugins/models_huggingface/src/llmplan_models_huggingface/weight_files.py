"""Names and bytes of the tensors in weight files, by their headers alone."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from llmplan.errors import BadInputError

_LONGEST_HEADER = 500_000_000


def tensor_bytes(folder: Path) -> Mapping[str, int]:
    """Of the .safetensors files of a folder, or else of its one .gguf file; empty where there are none, or not all."""
    files = sorted(folder.glob("*.safetensors"))
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named = set(json.loads(index.read_text("utf-8")).get("weight_map", {}).values())
        files = [folder / name for name in sorted(named)]
    if files and all(file.is_file() for file in files):
        return {name: size for file in files for name, size in _safetensors(file)}
    gguf = sorted(folder.glob("*.gguf"))
    return dict(_gguf(gguf[0])) if len(gguf) == 1 else {}


def _safetensors(path: Path) -> Iterator[tuple[str, int]]:
    """A length in eight bytes, then a JSON object from names to dtype, shape and offsets."""
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", _exactly(file, 8, path))
        if length > _LONGEST_HEADER:
            raise BadInputError(f"model: {path}: is no safetensors file: its header would have {length:,} bytes")
        header = json.loads(_exactly(file, length, path))
    for name, tensor in header.items():
        if name != "__metadata__":
            start, end = tensor["data_offsets"]
            yield name, end - start


def _exactly(file: BinaryIO, size: int, path: Path) -> bytes:
    read = file.read(size)
    if len(read) != size:
        raise BadInputError(f"model: {path}: ends inside its header")
    return read


# elements and bytes of a block of each type of tensor, as ggml has them
_BLOCKS: Mapping[int, tuple[int, int]] = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    15: (256, 292),  # Q8_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    30: (1, 2),  # BF16
    39: (32, 17),  # MXFP4
}
# bytes of a value of metadata by its type; 8 is text, 9 an array
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_TEXT, _ARRAY = 8, 9


def _gguf(path: Path) -> Iterator[tuple[str, int]]:
    """Magic, version, numbers of tensors and of metadata, the metadata, then name, dimensions and type of each."""
    with path.open("rb") as file:
        magic, _version, tensors, values = struct.unpack("<4sIQQ", _exactly(file, 24, path))
        if magic != b"GGUF":
            raise BadInputError(f"model: {path}: is no GGUF file")
        for _ in range(values):
            _text(file, path)
            _skip(file, path, _number(file, path, "<I"))
        for _ in range(tensors):
            yield _gguf_tensor(file, path)


def _gguf_tensor(file: BinaryIO, path: Path) -> tuple[str, int]:
    name, elements = _text(file, path), 1
    for _ in range(_number(file, path, "<I")):
        elements *= _number(file, path, "<Q")
    kind = _number(file, path, "<I")
    _number(file, path, "<Q")  # where it begins
    if kind not in _BLOCKS:
        raise BadInputError(f"model: {path}: {name}: tensors of type {kind} are not known")
    block, size = _BLOCKS[kind]
    return name, elements // block * size


def _number(file: BinaryIO, path: Path, kind: str) -> int:
    (value,) = struct.unpack(kind, _exactly(file, struct.calcsize(kind), path))
    return int(value)


def _text(file: BinaryIO, path: Path) -> str:
    return _exactly(file, _number(file, path, "<Q"), path).decode("utf-8", "replace")


def _skip(file: BinaryIO, path: Path, kind: int) -> None:
    if kind == _TEXT:
        _text(file, path)
    elif kind == _ARRAY:
        inner, length = _number(file, path, "<I"), _number(file, path, "<Q")
        if inner in _SIZES:
            file.seek(_SIZES[inner] * length, 1)
        else:
            for _ in range(length):
                _skip(file, path, inner)
    elif kind in _SIZES:
        file.seek(_SIZES[kind], 1)
    else:
        raise BadInputError(f"model: {path}: metadata of type {kind} is not known")
