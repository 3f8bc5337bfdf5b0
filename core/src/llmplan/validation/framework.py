"""The framework of a row, by what tables of measurements call it."""

from __future__ import annotations

from collections.abc import Iterable

from llmplan.records import FrameworkProfile


def framework_of(value: str, profiles: Iterable[FrameworkProfile], architecture: str) -> FrameworkProfile | None:
    """The profile with the longest alias that occurs in `value`, in any case; None where none does.

    Of equally long ones that which is meant for this architecture alone wins over that which is meant for all.
    """
    value = value.lower()
    found = [
        (len(alias), bool(profile.architectures), profile)
        for profile in profiles
        if not profile.architectures or architecture in profile.architectures
        for alias in profile.aliases
        if alias.lower() in value
    ]
    return max(found, key=lambda match: match[:2])[2] if found else None
