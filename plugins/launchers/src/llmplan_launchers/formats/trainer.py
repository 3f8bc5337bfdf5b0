"""What programs on Hugging Face's Trainer have in common: the words of its optimizers."""

from __future__ import annotations

from llmplan_launchers.formats.table import Entry

_OPTIMIZERS = {
    "adam": "adamw_torch_fused",
    "adam-8bit": "adamw_8bit",
    "adam-bf16": "adamw_torch_fused",
    "adam-paged": "paged_adamw_32bit",
    "adam-8bit-paged": "paged_adamw_8bit",
    "adafactor": "adafactor",
    "lion": "lion_32bit",
    "sgd": "sgd",
}
_SHARDED = {"adam-8bit": "adamw_torch_8bit"}
"""Under FSDP 2, where those of bitsandbytes fail."""


def optimizer(key: str, *, sharded: bool, **own: str) -> Entry:
    """The optimizer under a program's own key, with words that it alone has."""
    return Entry(key, "optimizer", {**_OPTIMIZERS, **(_SHARDED if sharded else {}), **own})
