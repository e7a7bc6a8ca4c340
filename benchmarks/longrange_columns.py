"""The published numbers of Corso's tasks, against bounds of what they are said to be.

The generator of the tasks (github.com/lukecavabarrett/pna at 95388a6, multitask_dataset.py) puts the shortest paths
first, then eccentricity, then Laplacian features: (degree) x less the sum of the neighbours' x, a question of one hop.
The loader of Gravina et al. (github.com/gravins/Anti-SymmetricDGN at 6fc796d, pna_dataset.py, and after it that of
SWAN) reads the third column as shortest paths and the first as eccentricity. The file itself is not read here, so that
it may have been made with other columns; but a stack of 20 layers, the most that was searched, cannot have the
published error of shortest paths: where the source is more than 20 hops away the output does not depend on which of
these rows it is, so the mean squared error is at least

    mean over rows v of  P(d > 20) Var(d | d > 20),   the source drawn from all rows.

Run it with ``python benchmarks/longrange_columns.py``: half a minute. It writes docs/longrange/columns.txt.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphseq import _files
from graphseq.evaluation.tables import aligned
from graphseq.experiments.longrange.published import published
from graphseq.tasks.longrange.corso_graphs import corso_graphs
from graphseq.tasks.longrange.drawn import Drawn

GRAPHS, LAYERS = 3000, 20


def unseen(hops: NDArray[np.int64], layers: int) -> float:
    """Return the least mean squared error of the hops (N, N) from a source drawn from all rows, within ``layers``."""
    is_far = hops > layers
    count = is_far.sum(axis=1)
    total, squared = (np.where(is_far, hops**power, 0).sum(axis=1) for power in (1, 2))
    # The sum over the far rows of squared differences from their mean.
    spread = squared - total**2 / np.maximum(count, 1)
    return float(spread.sum() / hops.size)


def laplacian(graph: Drawn, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return degree times x less the sum over the neighbours, (N,)."""
    around = np.bincount(graph.edges[0], weights=x[graph.edges[1]], minlength=len(x))
    degree: NDArray[np.int64] = np.bincount(graph.edges[0], minlength=len(x))
    return degree * x - around


def log_variance(answers: list[NDArray[np.float64]]) -> float:
    """Return the log10 of the mean squared error of the best constant, each graph of the same weight."""
    mean = np.mean([each.mean() for each in answers])
    return math.log10(np.mean([np.square(each - mean).mean() for each in answers]))


def main() -> str:
    """Return the table and write it."""
    rng = np.random.default_rng(0)
    graphs = corso_graphs(GRAPHS, (25, 35), rng)
    # The published answer of a row that the source does not lead to, and of the source, is 0.
    paths = [np.maximum(graph.hops[rng.integers(len(graph.hops))], 0).astype(float) for graph in graphs]
    eccentricity = [graph.hops.max(axis=1).astype(float) for graph in graphs]
    features = [laplacian(graph, rng.random(len(graph.hops))) for graph in graphs]
    bound = math.log10(np.mean([unseen(graph.hops, LAYERS) for graph in graphs]))
    rows = [["log10 of the mean squared error", "shortest paths", "eccentricity", "Laplacian features"]]
    rows.append(["best constant", *(f"{log_variance(each):.2f}" for each in (paths, eccentricity, features))])
    rows.append([f"at least, of {LAYERS} hops seen", f"{bound:.2f}", "", ""])
    called = [
        {row.model: row.value for row in published(f"corso {name}")} for name in ("shortest paths", "eccentricity")
    ]
    rows += [[f"published: {model}", *(f"{each[model]:.2f}" for each in called), ""] for model in called[0]]
    text = aligned(rows, head=1)
    place = Path(__file__).parents[1] / "docs" / "longrange" / "columns.txt"
    _files.write_text(place, text + "\n", overwrite=True)
    return text


if __name__ == "__main__":
    print(main())
