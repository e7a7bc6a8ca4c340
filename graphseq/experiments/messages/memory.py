"""Memory of events by key: decayed counts and the time since the last, at any later moment."""

from __future__ import annotations

import torch
from torch import Tensor


class EventMemory:
    r"""Decayed counts of the earlier events of a key, at several half-lives, and the time since the last of them.

    .. math:: s_h(k, q) = \sum_{e:\ k_e = k,\ t_e < q} 2^{-(q - t_e)/h}

    A query at the moment q counts the events strictly before q alone. The sums after each event are computed once, in
    the order of time, and a query is a search for the last event of its key.

    Args:
        key: the key of each event, such as the number of a pair, (E,), 0 or more.
        time: its time, (E,), in any order.
        half_lives: h, (H,), in the units of the times.

    Example:
        Two events of key 3, at 0 and 1, seen at 1 and at 2 with a half-life of 1:

        >>> memory = EventMemory(torch.tensor([3, 3]), torch.tensor([0.0, 1.0]), torch.tensor([1.0]))
        >>> memory.counts(torch.tensor([3, 3]), torch.tensor([1.0, 2.0])).flatten().tolist()
        [0.5, 0.75]
        >>> memory.age(torch.tensor([3, 4]), torch.tensor([2.0, 2.0])).tolist()
        [1.0, inf]
    """

    def __init__(self, key: Tensor, time: Tensor, half_lives: Tensor) -> None:
        self._half_lives = half_lives.double()
        time = time.double()
        self._moments = time.unique()
        order = (key * (len(self._moments) + 1) + torch.searchsorted(self._moments, time)).argsort(stable=True)
        key, self._time = key[order], time[order]
        self._code = key * (len(self._moments) + 1) + torch.searchsorted(self._moments, self._time)
        self._key, self._sums = key, self._accumulated(key)

    def _accumulated(self, key: Tensor) -> Tensor:
        """Return the sums just after each event, (E, H): one pass for the first event of each key, one for the next."""
        sums = torch.ones(len(key), len(self._half_lives), dtype=torch.float64)
        _, counts = key.unique_consecutive(return_counts=True)
        first, rank = counts.cumsum(0) - counts, 1
        later = first[counts > rank] + rank
        while len(later):
            sums[later] += sums[later - 1] * self._decay(self._time[later] - self._time[later - 1])
            rank += 1
            later = first[counts > rank] + rank
        return sums

    def _decay(self, elapsed: Tensor) -> Tensor:
        return torch.exp2(-elapsed[:, None] / self._half_lives)

    def _latest(self, key: Tensor, moment: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last event of each key before its moment, (Q,), and whether there is one, (Q,) of ``bool``."""
        code = key * (len(self._moments) + 1) + torch.searchsorted(self._moments, moment.double().contiguous())
        event = torch.searchsorted(self._code, code) - 1
        return event.clamp(min=0), (event >= 0) & (self._key[event.clamp(min=0)] == key)

    def counts(self, key: Tensor, moment: Tensor) -> Tensor:
        """Return the decayed counts of these keys at their moments, (Q, H)."""
        event, exists = self._latest(key, moment)
        decayed = self._sums[event] * self._decay((moment.double() - self._time[event]).clamp(min=0))
        return decayed.where(exists[:, None], 0).to(torch.get_default_dtype())

    def age(self, key: Tensor, moment: Tensor) -> Tensor:
        """Return the time since the last event of these keys before their moments, (Q,), infinite without one."""
        event, exists = self._latest(key, moment)
        elapsed = moment.double() - self._time[event]
        return elapsed.where(exists, torch.inf).to(torch.get_default_dtype())
