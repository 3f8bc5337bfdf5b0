"""What can go wrong, one class a situation; the command line prints the message and exits with `exit_code`."""

from __future__ import annotations

from typing import Any


class LlmplanError(Exception):
    """Root of every error that llmplan raises on purpose."""

    exit_code = 1
    instead: tuple[str, str] | None = None
    """What was given, and the nearest that would be right in its place."""


class BadInputError(LlmplanError, ValueError):
    """An option, a file or an argument holds a value that cannot be planned with."""

    exit_code = 2


class UnknownNameError(BadInputError, KeyError):
    """A name that no installed plugin provides."""

    def __init__(self, message: str, instead: tuple[str, str] | None = None) -> None:
        """With the nearest name beside the one that was given, where there is one."""
        super().__init__(message)
        self.instead = instead

    # KeyError would put the message in quotes
    __str__ = Exception.__str__


class UnsupportedFormatError(BadInputError):
    """A dtype asks for a number format that the accelerator has no units for."""


class PluginFailedError(LlmplanError):
    """What a plugin offers fails when it is used, or answers nonsense."""


class PluginWarning(UserWarning):
    """A plugin, or one of its records, is ignored, or several claim one name: what a script is told of it."""


def shown(value: Any, most: int = 60) -> str:
    """A value in a message, which stays one line whatever was given."""
    try:
        text = repr(value)
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= most else f"{text[:most]}…"
