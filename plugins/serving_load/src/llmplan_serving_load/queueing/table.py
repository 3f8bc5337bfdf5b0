"""A quantity of a server as a function of how many sequences decode: priced at points, linear between them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from llmplan.arrays.quantities import Number

Values = tuple[Number, ...]
"""What is priced at a point: several quantities that belong together."""


class SequenceTable:
    """Quantities by the number of sequences, of one server or of many servers side by side.

    Of one server a point is priced when it is first needed, or all of them `ahead`. Of many, whose quantities are
    arrays with one element a server, all points are priced in one call, and numbers of sequences are arrays whose last
    axis is the servers.
    """

    def __init__(
        self,
        price: Callable[[Sequence[float]], Sequence[Values]],
        points: Sequence[float],
        servers: int | None,
        *,
        ahead: bool = False,
    ) -> None:
        self._price, self._points, self._servers, self._ahead = price, points, servers, ahead
        self._known: dict[float, Values] = {}
        self._arrays: Any = None
        self._rows: Any = None
        """Of many servers, where in the arrays they are."""
        if servers is not None:
            import numpy as np

            self._rows = np.arange(servers)

    def at(self, sequences: Any) -> Values:
        """The quantities at so many sequences."""
        if self._servers is None:
            return self._of_one(sequences) if isinstance(sequences, (int, float)) else self._of_several(sequences)
        between = self._of_many(sequences)
        return tuple(between[..., number] for number in range(between.shape[-1]))

    def _of_one(self, sequences: float) -> Values:
        low = min(bisect_right(self._points, sequences), len(self._points) - 1) - 1
        below, above = self._points[low], self._points[low + 1]
        part = min(1.0, (sequences - below) / (above - below))
        if not part:
            return self._at_point(below)
        if part == 1.0:
            return self._at_point(above)
        pairs = zip(self._at_point(below), self._at_point(above), strict=True)
        return tuple((1.0 - part) * a + part * b for a, b in pairs)

    def _of_several(self, numbers: Any) -> Values:
        """Of one server, at many numbers of sequences in one call."""
        import numpy as np

        points, priced = np.asarray(self._points), np.array([self._at_point(point) for point in self._points])
        low = np.minimum(np.searchsorted(points, numbers, side="right"), len(points) - 1) - 1
        below = points[low]
        part = np.minimum(1.0, (numbers - below) / (points[low + 1] - below))
        between = (1.0 - part) * priced.T[:, low] + part * priced.T[:, low + 1]
        return tuple(between)

    def _at_point(self, point: float) -> Values:
        if point not in self._known:
            points = self._points if self._ahead else [point]
            self._known.update(zip(points, self._price(points), strict=True))
        return self._known[point]

    def _of_many(self, sequences: Any) -> Any:
        import numpy as np

        arrays, points = self._priced, np.asarray(self._points)
        low = np.minimum(np.searchsorted(points, sequences, side="right"), len(points) - 1) - 1
        below = points.take(low)
        part = np.minimum(1.0, (sequences - below) / (points.take(low + 1) - below))[..., None]
        servers = self._rows
        return (1.0 - part) * arrays[low, servers] + part * arrays[low + 1, servers]

    @property
    def _priced(self) -> Any:
        """Points x servers x quantities, all of them."""
        if self._arrays is None:
            self._arrays = _stacked(self._price(self._points), self._servers)
        return self._arrays

    def taken(self, servers: Any) -> SequenceTable:
        """The table of some of many servers, by their numbers; one may be there several times."""
        some = SequenceTable(self._price, self._points, len(servers))
        some._arrays, some._rows = self._priced, self._rows[servers]
        return some


def _stacked(values: Iterable[Values], servers: Any) -> Any:
    """An array of points x servers x quantities."""
    import numpy as np

    return np.stack([np.stack([np.broadcast_to(one, (servers,)) for one in of_point], axis=-1) for of_point in values])
