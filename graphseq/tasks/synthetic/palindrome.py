"""Palindromes: remember the first digit and ignore all that follow."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.graph import SpaceTimeGraph
from graphseq.tasks.base import FixedTask, blocks, of_own_batch, path


class Palindrome(FixedTask):
    r"""Classification of the last digit of a palindrome from the digits before it.

    A random first half is mirrored, :math:`d_{n-1-i} = d_i`. The input is the path of the first n - 1 digits; the
    answer at its last row is :math:`d_{n-1} = d_0`, which is n - 2 hops away. The digits in between are random and
    independent of the answer: they must be ignored.

    Args:
        length: n, at least 2 (there are n - 1 rows).
        encoding: "one-hot", F = ``num_digits``, or "scalar", the digit as one number, F = 1 (harder; as in the source).
        num_digits: number of different digits; chance is its inverse.

    Raises:
        ValueError: a length below 2, fewer than 2 different digits, an unknown encoding.

    Source: the palindrome task of the UvA Deep Learning course's first practical on recurrent networks.

    Example:
        >>> import torch
        >>> task = Palindrome(length=5, encoding="scalar")
        >>> graph = task.batch(1, torch.Generator().manual_seed(0))
        >>> graph.x[:, 0].tolist(), graph.y.tolist()
        ([4.0, 9.0, 3.0, 9.0], [4])
    """

    @checked_arguments
    def __init__(
        self, length: int, *, encoding: Literal["one-hot", "scalar"] = "one-hot", num_digits: int = 10
    ) -> None:
        self.length = _checks.at_least("length", length, 2)
        self.encoding = _checks.one_of("encoding", encoding, ("one-hot", "scalar"))
        self.num_digits = _checks.at_least("num_digits", num_digits, 2)
        self.in_channels = num_digits if encoding == "one-hot" else 1
        self.out_channels = num_digits
        self.hops = length - 2
        self.chance = 1 / num_digits
        index = torch.arange(length - 1)
        self._mirror = torch.minimum(index, length - 1 - index)
        super().__init__(*path(length - 1))

    @property
    def config(self) -> dict[str, object]:
        """Name, length and encoding."""
        return {**super().config, "length": self.length, "encoding": self.encoding, "num_digits": self.num_digits}

    @checked_arguments
    def batch(self, size: int, generator: torch.Generator) -> SpaceTimeGraph:
        """Return ``size`` palindromes."""
        half = (_checks.at_least("size", size, 1), (self.length + 1) // 2)
        first = torch.randint(self.num_digits, half, generator=generator)
        digits = first[:, self._mirror]
        if self.encoding == "one-hot":
            x = torch.zeros(*digits.shape, self.num_digits).scatter_(2, digits[..., None], 1)
        else:
            x = digits[..., None].to(torch.get_default_dtype())
        return self._assemble(x, first[:, 0])

    @checked_arguments
    @of_own_batch
    def relevant_nodes(self, graph: SpaceTimeGraph) -> Tensor:
        """Return the first row, (K, V), ``bool``."""
        first = torch.arange(self.length - 1, device=graph.x.device) == 0
        return blocks(first.expand(graph.num_graphs, 1, -1))
