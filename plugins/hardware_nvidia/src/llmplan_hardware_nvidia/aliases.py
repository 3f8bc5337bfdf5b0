"""What tables of measurements call an accelerator, where its own name in capitals is not enough."""

from __future__ import annotations

from collections.abc import Mapping

ALIASES: Mapping[str, tuple[str, ...]] = {
    "v100-sxm2-16gb": ("V100-SXM-16GB",),
    "v100-sxm2-32gb": ("V100", "V100-32GB", "V100-SXM", "V100-SXM2", "V100-SXM-32GB"),
    "v100-pcie-16gb": ("V100-PCIE",),
    "t4": ("T4-16GB", "Tesla-T4"),
    "a10": ("A10-24GB",),
    "a10g": ("A10G-24GB",),
    "a30": ("A30-24GB", "A30-PCIE-24GB"),
    "a40": ("A40-48GB",),
    "rtx-a6000": ("A6000", "RTX-A6000-48GB"),
    "rtx-3090": ("RTX3090", "RTX-3090-24GB"),
    "a100-pcie-40gb": ("A100-40GB-PCIe",),
    "a100-pcie-80gb": ("A100-80GB-PCIe", "A100-PCIE"),
    "a100-sxm-40gb": ("A100-SXM4-40GB", "A100-40GB"),
    "a100-sxm-80gb": ("A100-SXM4-80GB", "A100", "A100-80GB", "A100-SXM", "A100-SXM4"),
    "a800-sxm-80gb": ("A800", "A800-SXM", "A800-SXM4-80GB"),
    "a800-pcie-80gb": ("A800-PCIE",),
    "l4": ("L4-24GB",),
    "l40": ("L40-48GB",),
    "l40s": ("L40S-48GB",),
    "rtx-6000-ada": ("RTX-6000-Ada-48GB", "RTX6000-Ada"),
    "rtx-4090": ("RTX4090", "RTX-4090-24GB"),
    "h100-pcie-80gb": ("H100-PCIE",),
    "h100-sxm-80gb": ("H100", "H100-80GB", "H100-SXM", "H100-SXM5", "H100-SXM5-80GB"),
    "h100-sxm-96gb-500w": ("H100-SXM-96GB-HBM2e-500W", "H100-SXM-96GB-HBM2e"),
    "h100-nvl-94gb": ("H100-NVL",),
    "h800-sxm-80gb": ("H800", "H800-SXM", "H800-SXM5-80GB"),
    "h800-pcie-80gb": ("H800-PCIE",),
    "h20-96gb": ("H20", "H20-SXM", "H20-SXM-96GB"),
    "h200-sxm-141gb": ("H200", "H200-SXM", "H200-141GB", "H200-SXM5-141GB"),
    "h200-nvl-141gb": ("H200-NVL",),
    "gh200-96gb": ("GH200",),
    "b100-192gb": ("B100", "B100-SXM"),
    "b200-sxm": ("B200", "B200-SXM-180GB", "B200-SXM-192GB"),
    "b300-sxm": ("B300", "B300-SXM-288GB"),
    "gb200": ("GB200-NVL72",),
    "gb300": ("GB300-NVL72",),
    "rtx-5090": ("RTX5090", "RTX-5090-32GB"),
    "rtx-pro-6000-blackwell-server": ("RTX-PRO-6000", "RTX-PRO-6000-Blackwell"),
}
"""By profile name. A name without memory size or form means the one that clusters are built of."""
