"""Time and equality of the range of a GRU: passes that sequences share, and passes of each sequence on the whole batch.

The answers are of whole sequences, so that their range is read from Hessians. Both ways are computed in float64 and in
one process, and the largest relative difference of their ranges is shown.

    OMP_NUM_THREADS=1 python benchmarks/range.py
"""

from __future__ import annotations

import argparse
import time

import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq.reach.measures import distances, influence_range, pairwise_mixing


class LastOfGRU(nn.Module):
    """A GRU of 32 units with 4 answers for each sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.gru, self.lin = nn.GRU(8, 32, batch_first=True), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 4) of sequences (B, T, 8)."""
        return self.lin(self.gru(x)[0][:, -1])


def separately(probe: gs.reach.Probe) -> Tensor:
    """Return the range of each row, from passes of each sequence on the whole batch."""
    found = []
    for sequence in range(probe.num_outputs):
        rows = (probe.graph_index == sequence).nonzero()[:, 0]

        def answer(x: Tensor, sequence: int = sequence, rows: Tensor = rows) -> Tensor:
            return probe.function(probe.x.index_copy(0, rows, x), weights=False)[sequence]

        mixing = pairwise_mixing(answer, probe.x[rows], reduce="sum")
        found.append(influence_range(mixing, distances(probe.graph, nodes=rows)[:, rows]).node)
    return torch.cat(found)


def main() -> None:
    """Print the seconds of both and their difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=40)
    parser.add_argument("--steps", type=int, default=20)
    options = parser.parse_args()
    torch.manual_seed(0)
    x = torch.randn(options.sequences, options.steps, 8, dtype=torch.float64)
    probe = gs.reach.Probe(LastOfGRU().double(), x)
    start = time.perf_counter()
    together = probe.range().node
    middle = time.perf_counter()
    alone = separately(probe)
    end = time.perf_counter()
    print(f"{options.sequences} sequences of {options.steps} steps, {torch.get_num_threads()} threads")
    print(f"shared passes {middle - start:.2f} s, separate passes {end - middle:.2f} s")
    print(f"largest relative difference {float(((together - alone) / alone).abs().max()):.1e}")


if __name__ == "__main__":
    main()
