"""On how many nodes a plan runs, and the line that starts a process for each GPU."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llmplan.records import HardwareProfile

_USUAL_NODE = 8
"""GPUs of most servers, for those that share no link by which the plan could tell."""


def gpus_per_node(hardware: HardwareProfile, gpus: int) -> int:
    """A node is that of the cluster, a scale-up domain where it says no more, or as much as divides the GPUs."""
    node = hardware.cluster.node
    return gcd(gpus, node if node > 1 else _USUAL_NODE)


def torchrun(hardware: HardwareProfile, gpus: int, script: str) -> str:
    """Shell lines: torchrun on one node, or by srun on all nodes of a Slurm job."""
    node = gpus_per_node(hardware, gpus)
    lines = [
        f'GPUS_PER_NODE="${{GPUS_PER_NODE:-{node}}}"',
        f"NODES=$(({gpus} / GPUS_PER_NODE))",
        "RUN=",
        'if [ "$NODES" -gt 1 ]; then  # in a Slurm job of as many nodes, one task each',
        '  RUN="srun --nodes $NODES --ntasks-per-node 1"',
        '  MASTER_ADDR="${MASTER_ADDR:-$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)}"',
        "fi",
        '$RUN torchrun --nnodes "$NODES" --nproc-per-node "$GPUS_PER_NODE" --rdzv-backend c10d \\',
        '  --rdzv-id "${SLURM_JOB_ID:-0}" --rdzv-endpoint "${MASTER_ADDR:-localhost}:${MASTER_PORT:-29500}" \\',
        f"  {script}",
    ]
    return "\n".join(lines) + "\n"
