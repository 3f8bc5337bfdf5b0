"""Training frameworks: what differs between programs that run the same plan on the same accelerator."""

from __future__ import annotations

from attrs import field, frozen

from llmplan.records.checks import fraction_or_none, lookup_name, not_negative, one_of, positive


@frozen(kw_only=True, eq=False)
class FrameworkProfile:
    """How a program trains: which kernels it calls, what it overlaps, what its host costs, what it keeps in memory."""

    name: str = field(validator=lookup_name)
    description: str = ""
    default: bool = False
    """Whether it is meant where the user names none."""
    aliases: tuple[str, ...] = ()
    """Words by which tables of measurements know it: the longest that occurs in the table's own word wins."""
    architectures: tuple[str, ...] = ()
    """Those of the accelerators that its aliases are meant for, all where empty."""
    attention: str = field(default="flash-3", validator=one_of("unfused", "flash-2", "flash-3"))
    """``unfused`` writes the scores to memory and multiplies what the mask hides."""
    dropout: bool = False
    """Masks are drawn, applied and kept."""
    elementwise_traffic: float = field(default=1.0, validator=positive)
    """Bytes that norms, residuals and activation functions move, against kernels that fuse what can be fused."""
    logit_bytes_moved: float = field(default=8.0, validator=not_negative)
    """Of one logit in the loss, forward and backward, beside the multiplication that makes it."""
    logit_bytes_kept: float = field(default=6.0, validator=not_negative)
    """Of one logit at the peak."""
    gradient_bits: float = field(default=32.0, validator=positive)
    """Of the gradients that accumulate."""
    reduction_bits: float = field(default=32.0, validator=positive)
    """Of the gradients on the wire."""
    tensor_overlap: float = field(default=0.0, validator=fraction_or_none)
    """Part of the tensor parallel communication that hides behind multiplications."""
    data_overlap: float = field(default=0.0, validator=fraction_or_none)
    """Part of the computation behind which gradients are reduced and weights gathered."""
    expert_overlap: float = field(default=0.0, validator=fraction_or_none)
    """Part of the all-to-all that hides behind computation."""
    pipeline_overlap: float = field(default=0.0, validator=fraction_or_none)
    """Part of the point-to-point transfers that hides behind computation."""
    host_seconds_per_layer: float = field(default=0.0, validator=not_negative)
    """In which the host launches the forward pass of a layer; the backward pass takes as long again."""
    host_seconds_per_step: float = field(default=0.0, validator=not_negative)
    """Of an iteration, with the accelerator idle: data loading, logging, clipping, synchronisation."""
    optimizer_traffic: float = field(default=1.0, validator=positive)
    """Bytes that the optimizer step moves, against one fused kernel."""
    context_bytes: float = field(default=0.0, validator=not_negative)
    """Of the driver, libraries and communication handles, that no allocator counts."""
    communication_bytes: float = field(default=0.0, validator=not_negative)
    """Of buffers for collectives, when there is more than one rank."""
    slack: float = field(default=0.0, validator=fraction_or_none)
    """Of activations and buffers, that the allocator holds beyond them: fragments and rounding."""
    source: str = ""
