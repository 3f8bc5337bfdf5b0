"""A latency of three seconds."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    sound = accelerator()
    cluster = evolve(sound.cluster, source="datasheet")
    first, *others = cluster.levels
    return [evolve(sound, cluster=evolve(cluster, levels=(evolve(first, latency_seconds=3.0), *others)))]
