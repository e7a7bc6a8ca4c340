"""A cache of a bounded number of values, of which the one that was used longest ago goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

SIZE = 32  # a model and its transform keep fewer than ten values on a topology


class BoundedCache:
    """Values by key, each made when it is first used; the value that was used longest ago is dropped for a new one.

    Args:
        size: the most values that are kept, at least 1.

    Example:
        >>> cache = BoundedCache(2)
        >>> [cache.get(key, lambda key=key: key.upper()) for key in "abac"], list(cache.keys())
        (['A', 'B', 'A', 'C'], ['a', 'c'])
    """

    def __init__(self, size: int = SIZE) -> None:
        self.size = size
        self._values: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return the value of ``key``, which ``make`` makes if it is not there."""
        try:
            value = self._values[key]
        except KeyError:
            value = make()
            self._values[key] = value
            if len(self._values) > self.size:
                self._values.popitem(last=False)
            return value
        self._values.move_to_end(key)
        return value

    def keys(self) -> list[Hashable]:
        """Return the keys, the one that was used longest ago first."""
        return list(self._values)
