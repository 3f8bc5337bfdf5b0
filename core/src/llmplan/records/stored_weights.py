"""How the weights of a model lie in its files, which decides the dtype where the user names none."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import optional

from llmplan.records.checks import lookup_name, positive


@frozen(kw_only=True, repr=False)
class StoredWeights:
    """The dtype of a checkpoint, and the bits of its weights where files or configuration tell them."""

    dtype: str = field(validator=lookup_name)
    """The name of a dtype rule, for serving."""
    training_dtype: str = field(validator=lookup_name)
    """The same for training, which updates weights that are not quantised."""
    layer_bits: float | None = field(default=None, validator=optional(positive))
    """Mean bits of a weight of layers outside of routed experts, scales and matrices that were left wider included."""
    expert_bits: float | None = field(default=None, validator=optional(positive))
    """The same of routed experts."""
    embedding_bits: float | None = field(default=None, validator=optional(positive))
    """Bits of embedding and output head, where they are not the rule's."""
    kv_bits: float | None = field(default=None, validator=optional(positive))
    """Bits of an element of the KV cache, where the checkpoint has scales for it."""
    said: str = ""
    """Where this is from, in words."""
