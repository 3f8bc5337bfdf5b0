"""A config.json for the tests, and the copies of real ones."""

import json
from pathlib import Path

import pytest

from llmplan_models_huggingface.checkpoint import model_of

LLAMA = {
    "model_type": "llama",
    "num_hidden_layers": 2,
    "hidden_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 96,
    "vocab_size": 100,
    "torch_dtype": "bfloat16",
}
"""16,384 weights a layer in attention and MLP ... see `test_storage.py`; two tables of 6,400."""


@pytest.fixture(name="write")
def _write(tmp_path):
    """Writes a config.json; `None` leaves a field of LLAMA out."""

    def write(folder="tiny", **fields):
        (tmp_path / folder).mkdir(exist_ok=True)
        path = tmp_path / folder / "config.json"
        values = {key: value for key, value in (LLAMA | fields).items() if value is not None}
        path.write_text(json.dumps(values))
        return path

    return write


@pytest.fixture(name="read")
def _read(write):
    """The model of such a config.json."""

    def read(*, assume=False, **fields):
        return model_of(Path(write(**fields)), "tiny", assume=assume)

    return read
