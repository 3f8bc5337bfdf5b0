"""Memory of the host in GiB."""

from __future__ import annotations

from attrs import evolve

from llmplan import hookimpl
from planted_mistakes.sound import accelerator


@hookimpl
def llmplan_hardware_profiles():
    sound = accelerator()
    cluster = evolve(sound.cluster, source="datasheet")
    return [evolve(sound, cluster=evolve(cluster, host_memory_bytes=512.0))]
