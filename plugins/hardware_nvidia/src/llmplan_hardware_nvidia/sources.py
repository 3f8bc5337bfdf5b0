"""Where the numbers of a profile come from."""

from __future__ import annotations

from collections.abc import Collection

UNCHECKED = "commonly published; no document of NVIDIA's was checked"
"""For what no document of the vendor says about this very card."""

NO_NVLINK = "no NVLink: neighbours are reached over PCIe"
BRIDGED_PAIR = "NVLink bridges join two cards"


def cite(datasheet: str, whitepaper: str, formats: Collection[str], **others: str) -> dict[str, str]:
    """The source of every number of a profile, by field name; a peak as ``peak_flops.int8``.

    Rates and power are the datasheet's, SM count and L2 the whitepaper's. `others` adds what neither says (memory as
    the driver reports it, the network of the reference system) and replaces what comes from elsewhere; the name of a
    format in it means the peak of that format.
    """
    one_way = f"{datasheet}, one direction: half of the sum of both"
    sources = {f"peak_flops.{name}": datasheet for name in formats} | {
        "memory_bytes_per_second": datasheet,
        "scale_up_bytes_per_second": one_way,
        "host_bytes_per_second": one_way,
        "tdp_watts": datasheet,
        "l2_bytes": whitepaper,
        "sm_count": whitepaper,
        "launch_year": "NVIDIA's launch of the product; no second source",
    }
    return sources | {f"peak_flops.{name}" if name in formats else name: source for name, source in others.items()}
