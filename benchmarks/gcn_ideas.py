"""Ablations of the graph convolution: a training pass with and without each idea, in turn.

Forward and backward of 8 layers with ReLU between them, as in graphseq, and with one thing changed at a time. A ratio
above 1 is the factor by which the pass is slower without the idea. The last rows are ideas that were tried and are not
in the library; there the ratio is the factor by which the pass is slower with them.

    OMP_NUM_THREADS=2 python benchmarks/gcn_ideas.py --out gcn_ideas.json
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import torch
from gcn import graphs
from scipy.sparse import csgraph
from torch import Tensor
from turns import compared, in_turn

from graphseq._torch import buffers
from graphseq.data.adjacency import Adjacency, SparseMatrix
from graphseq.nn.kernels import dense, gcn_stack
from graphseq.nn.kernels.gcn_stack import Layer, plain, stack
from graphseq.training.history import machine

LAYERS = 8
Once = Callable[[], None]


def a_pass(
    forward: Callable[[SparseMatrix, Tensor, list[Layer]], Tensor], matrix: SparseMatrix, case: tuple[Tensor, Tensor]
) -> Once:
    """Return a forward and a backward pass, with weights from one seed."""
    x, g = case
    torch.manual_seed(0)
    linears = [torch.nn.Linear(x.shape[1], x.shape[1]) for _ in range(LAYERS)]
    layers: list[Layer] = [(linear.weight, linear.bias) for linear in linears]

    def once() -> None:
        for linear in linears:
            linear.zero_grad()
        forward(matrix, x, layers).backward(g)

    return once


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Switch off some ideas of the library."""
    with ExitStack() as off:
        if "blocks" in names:
            off.enter_context(patch.object(gcn_stack, "BLOCK", 2**40))
        if "reused buffers" in names:
            off.enter_context(patch.object(buffers, "LARGE", 2**60))
        if "fused product" in names:
            off.enter_context(patch.object(dense, "_FUSED", None))
        yield


def switched(once: Once, *names: str) -> Once:
    """Return the same pass without some ideas."""

    def other() -> None:
        with without(*names):
            once()

    return other


def as_matrix(crow: Tensor, col: Tensor, value: Tensor) -> SparseMatrix:
    """Return a symmetric matrix with these CSR arrays."""
    matrix = SparseMatrix.__new__(SparseMatrix)
    size = len(crow) - 1
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")
        matrix.csr = torch.sparse_csr_tensor(crow, col, value, (size, size), check_invariants=False)
    matrix._transpose_csr, matrix.is_symmetric, matrix._blocks = matrix.csr, True, {}
    matrix.workspaces = [buffers.Workspace() for _ in range(5)]
    return matrix


def with_long_indices(matrix: SparseMatrix) -> SparseMatrix:
    """Return the same matrix with 64-bit indices."""
    return as_matrix(matrix.csr.crow_indices().long(), matrix.csr.col_indices().long(), matrix.csr.values())


def reordered(edge_index: Tensor, rows: int, order: Tensor) -> SparseMatrix:
    """Return Â with its rows in another order."""
    return Adjacency(order.argsort()[edge_index], None, rows).normalised(torch.float32)


def cuthill_mckee(edge_index: Tensor, rows: int) -> Tensor:
    """Return an order in which neighbours are close to each other."""
    pattern = Adjacency(edge_index, None, rows).pattern
    return torch.from_numpy(csgraph.reverse_cuthill_mckee(pattern, symmetric_mode=False).copy()).long()


def measure(name: str, case: tuple[Tensor, int, int], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Measure all variants on one graph."""
    edge_index, rows, channels = case
    torch.manual_seed(0)
    x, g = torch.randn(rows, channels), torch.randn(rows, channels)
    matrix = Adjacency(edge_index, None, rows).normalised(torch.float32)
    ours = a_pass(stack, matrix, (x, g))
    shuffled = torch.randperm(rows)
    passes = {
        "graphseq": ours,
        "without one function for all layers": a_pass(plain, matrix, (x, g)),
        "without blocks of rows": switched(ours, "blocks"),
        "without reused buffers": switched(ours, "reused buffers"),
        "without oneDNN's product": switched(ours, "fused product"),
        "with 64-bit indices": a_pass(stack, with_long_indices(matrix), (x, g)),
        "rows shuffled": a_pass(stack, reordered(edge_index, rows, shuffled), (x, g)),
        "rows by Cuthill and McKee": a_pass(
            stack, reordered(edge_index, rows, cuthill_mckee(edge_index, rows)), (x, g)
        ),
    }
    if "paths of" in name:
        passes["one small matrix against wide rows"] = a_pass(as_one_small, matrix, (x, g))
    return compared(in_turn(passes, rounds), "graphseq")


def as_one_small(matrix: SparseMatrix, x: Tensor, layers: list[Layer]) -> Tensor:
    """Apply all layers, with the Â of one path, 30 × 30, to the rows of all paths side by side."""
    size, channels = 30, x.shape[1]
    crow, col, value = matrix.csr.crow_indices(), matrix.csr.col_indices(), matrix.csr.values()
    end = int(crow[size])
    small = as_matrix(crow[: size + 1], col[:end], value[:end])
    wide = x.view(-1, size, channels).transpose(0, 1).contiguous()
    for number, (weight, bias) in enumerate(layers):
        mixed = (small @ (wide.relu() if number else wide).flatten(1)).view_as(wide)
        wide = torch.nn.functional.linear(mixed, weight, bias)
    return wide.transpose(0, 1).reshape(-1, channels)


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the rows")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each graph")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    results = {}
    for name, case in graphs(options.scale, 0).items():
        if name.startswith("directed"):
            continue
        results[name] = measure(name, case, options.rounds)
        for what, row in results[name].items():
            ratio = row["times_graphseq"]
            print(f"{name}, {what}: {ratio['median']:.2f} [{ratio['low']:.2f}, {ratio['high']:.2f}]", flush=True)
    if options.out:
        settings = {"scale": options.scale, "rounds": options.rounds, "layers": LAYERS}
        options.out.write_text(
            json.dumps({"settings": settings, "results": results, "machine": machine()}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
