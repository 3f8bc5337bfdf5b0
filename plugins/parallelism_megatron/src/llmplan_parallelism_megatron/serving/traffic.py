"""Seconds of collectives of an inference pass, most of them small: their latency counts."""

from __future__ import annotations

from attrs import frozen

from llmplan.arrays.quantities import Number, log2, minimum, where
from llmplan.arrays.term import term
from llmplan.records import CollectiveCurve, Layout
from llmplan.records.cluster import ROUND
from llmplan_parallelism_megatron.network import collectives
from llmplan_parallelism_megatron.network.groups import Groups, groups_of
from llmplan_parallelism_megatron.serving.reached import ServingKernels

OWN_BYTES = 8.0 * 2**20
"""Of a message that engines hold buffers for, to sum it by kernels of their own (vLLM, custom_all_reduce.py, max_size;
TensorRT-LLM, customAllReduceUtils.h).
"""


@frozen(eq=False, repr=False)
class Links:
    """The groups of a layout on the links of an accelerator."""

    groups: Groups
    kernels: ServingKernels

    def all_reduce_seconds(self, message_bytes: Number) -> Number:
        """By the collective library, or inside the domain by the engine's own kernels, whichever is faster."""
        group, kernels = self.groups.tensor, self.kernels
        inside = minimum(group.ranks, group.inside(kernels.links.hardware.scale_up_domain))
        waiting = rank_wait_seconds(kernels.engine.rank_wait_seconds, inside, group.ranks / inside)
        library = collectives.all_reduce_seconds(message_bytes, group, kernels.links) + waiting
        if kernels.all_reduce is None:
            return library
        own = waiting + where(group.ranks > 1, self._own_seconds(kernels.all_reduce, message_bytes), 0.0)
        alone = group.ranks <= group.inside(kernels.links.hardware.scale_up_domain)
        return where(alone & (message_bytes < OWN_BYTES), minimum(library, own), library)

    def _own_seconds(self, curve: CollectiveCurve, message_bytes: Number) -> Number:
        """In one step, in which each rank reads what all others have, or in two, in which ranks sum shares of it."""
        group, of = self.groups.tensor, self.kernels.links
        two = collectives.own_seconds(curve, 2.0 * message_bytes, group, of)
        if of.hardware.cluster.levels[0].topology in ROUND:
            return two
        one = collectives.own_seconds(curve, read_from_all(message_bytes, group.ranks), group, of)
        return minimum(one, curve.launch_seconds + two) if self.kernels.engine.two_shots else one

    def all_gather_seconds(self, message_bytes: Number) -> Number:
        """Seconds of an all-gather over the tensor parallel group."""
        return collectives.all_gather_seconds(message_bytes, self.groups.tensor, self.kernels.links)

    def all_to_all_seconds(self, message_bytes: Number) -> Number:
        """Seconds of an all-to-all over the expert parallel group."""
        return collectives.all_to_all_seconds(message_bytes, self.groups.expert, self.kernels.links)

    def transfer_seconds(self, states_bytes: Number, layout: Layout) -> Number:
        """From a pipeline stage to the next: each tensor parallel rank sends 1/t, which the next ones gather.

        Narayanan et al. 2021, arXiv:2104.04473, section 4.1.
        """
        span = self.groups.pipeline.stride * (layout.pp - 1)
        sent = collectives.point_to_point_seconds(states_bytes / layout.tp, span, self.kernels.links)
        return where(layout.pp > 1, sent + self.all_gather_seconds(states_bytes), 0.0)

    def transfer_between_replicas_seconds(self, rank_bytes: Number, layout: Layout) -> Number:
        """From each rank of a replica to its counterpart in another, over the network where they share no domain."""
        return collectives.point_to_point_seconds(rank_bytes, layout.tp * layout.pp, self.kernels.links)


@term(
    "message * n",
    unit="bytes",
    source="vLLM, csrc/custom_all_reduce.cuh, cross_device_reduce_1stage; TensorRT-LLM, allReduceFusionKernels.cu",
)
def read_from_all(message: Number, n: Number) -> Number:
    """One shot: every rank reads the message of each other, and sums all by itself, so that the bytes of its link grow
    with the ranks; for small messages a second meeting of the ranks would take longer.
    """
    return message * n


@term(
    "each_rank * (inside * (1 + log2(nodes)) - 1)",
    unit="s",
    source="NVIDIA, NCCL, src/graph/tuning.cc: a ring inside nodes, trees between them",
)
def rank_wait_seconds(each_rank: float, inside: Number, nodes: Number) -> Number:
    """Ranks do not come to a sum at once: inside a node each waits for every other, and a node as long again for each
    level of the tree of nodes.
    """
    return each_rank * (inside * (1.0 + log2(nodes)) - 1.0)


def links_of(layout: Layout, kernels: ServingKernels) -> Links:
    """The links that the groups of a layout cross."""
    return Links(groups_of(layout), kernels)
