"""Other names of the accelerators."""

from __future__ import annotations

from collections import Counter

import pytest

from llmplan import registry

PROFILES = [profile for _, by, profile in registry().gpus.entries() if by == "llmplan-hardware-nvidia"]
BY_NAME = {profile.name: profile for profile in PROFILES}


def test_a_name_means_one_accelerator():
    """If it fails, a row of measurements is compared with one of two GPUs, whichever comes first."""
    spoken = Counter(name.lower() for profile in PROFILES for name in (profile.name, *profile.aliases))
    assert [name for name, times in spoken.items() if times > 1] == []


@pytest.mark.parametrize(
    ("spoken", "name"),
    [
        ("A100", "a100-sxm-80gb"),
        ("A100-SXM4-80GB", "a100-sxm-80gb"),
        ("A100-SXM4-40GB", "a100-sxm-40gb"),
        ("A100-PCIE-40GB", "a100-pcie-40gb"),
        ("V100-SXM2-32GB", "v100-sxm2-32gb"),
        ("V100-SXM2-16GB", "v100-sxm2-16gb"),
        ("H100", "h100-sxm-80gb"),
        ("H100-SXM-80GB", "h100-sxm-80gb"),
        ("H100-SXM-96GB-HBM2e-500W", "h100-sxm-96gb-500w"),
        ("H200-SXM", "h200-sxm-141gb"),
        ("B200", "b200-sxm"),
        ("B200-SXM", "b200-sxm"),
        ("B300-SXM", "b300-sxm"),
        ("GB200", "gb200"),
        ("GB300", "gb300"),
        ("L40S", "l40s"),
        ("L40S-48GB", "l40s"),
    ],
)
def test_names_that_tables_use(spoken, name):
    """If it fails, published measurements on this GPU find no profile."""
    profile = BY_NAME[name]
    assert spoken.lower() in {other.lower() for other in (profile.name, *profile.aliases)}


def test_racks_share_one_link():
    """If it fails, tensor parallelism of an NVL72 leaves NVLink after eight GPUs."""
    assert {name: BY_NAME[name].scale_up_domain for name in ("gb200", "gb300", "b200-sxm", "b300-sxm")} == {
        "gb200": 72,
        "gb300": 72,
        "b200-sxm": 8,
        "b300-sxm": 8,
    }
