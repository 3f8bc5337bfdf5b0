"""The one unit that `llmplan.units` does not have."""

from __future__ import annotations

MIB = 2.0**20
"""Bytes in a MiB, which is what NVIDIA means by an "MB" of L2 cache."""
