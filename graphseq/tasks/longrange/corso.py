"""Shortest paths, eccentricity and diameter on the small random graphs of Corso et al., regenerated."""

from __future__ import annotations

from graphseq._arguments import checked_arguments
from graphseq.tasks.longrange.corso_graphs import corso_graphs
from graphseq.tasks.longrange.seeded import OfDiameter, OfEccentricity, OfShortestPaths, SeededDistances


class Corso(SeededDistances):
    """Regression of a distance on graphs of a mixture of ten families; the published files are not these.

    Families and their shares are those of the generator of Corso et al.: Erdős-Rényi and Barabási-Albert graphs, grids,
    cavemen, trees, ladders, lines, stars, caterpillars and lobsters, of which each edge is kept with probability 0.98
    and few are added: the generator names 0.9, but compares it with a sum of two numbers. Graphs with a row without
    edges are drawn again. Some graphs fall into parts, and distances are those within a part. The source of shortest
    paths and rows that it does not lead to are no targets, where the published sets have 0. x is a number drawn from
    (0, 1) for each row, which says nothing.

    The published measure is the logarithm, to base 10, of the mean squared error; y is in hops. Of the numbers
    published for sizes 25 to 35 those of shortest paths and of eccentricity seem to be of other answers: the generator
    writes the columns shortest paths, eccentricity, Laplacian features (the degree times x less the neighbours' x, one
    hop), and the loader of Gravina et al. reads the third as shortest paths and the first as eccentricity. The page of
    results has a bound that says so without their files.

    Args:
        num_graphs: number of graphs, at least 2.
        seed: of the graphs. The three tasks have the same graphs of a seed.
        sizes: smallest and largest number of rows, 25 to 35 as in the comparisons of Gravina et al.
        tolerance: error below which an answer is correct, in hops.

    Raises:
        TypeError, ValueError: fewer than two graphs, sizes below 8 or out of order, a tolerance outside 0 to 0.5.

    Source: Corso et al., *Principal Neighbourhood Aggregation for Graph Nets* (2020), and the generator of its
    repository; Gravina, Bacciu and Gallicchio, *Anti-Symmetric DGN* (2023), for the sizes.
    """

    @checked_arguments
    def __init__(
        self, num_graphs: int = 1000, *, seed: int = 0, sizes: tuple[int, int] = (25, 35), tolerance: float = 0.5
    ) -> None:
        super().__init__(
            corso_graphs,
            num_graphs,
            seed=seed,
            limits=sizes,
            name="sizes",
            at_least=(2, 8),
            tolerance=tolerance,
        )


class CorsoShortestPaths(OfShortestPaths, Corso):
    """Regression of the distance of each row from a marked source, on the graphs of :class:`Corso`, regenerated.

    x is (V, 2): a random number, and 1 at the source, else 0; y is (K, 1). Arguments, errors and source are those of
    :class:`~graphseq.tasks.longrange.corso.Corso`.

    Example:
        >>> task = CorsoShortestPaths(20)
        >>> int(task.answers.min())
        1
    """


class CorsoEccentricity(OfEccentricity, Corso):
    """Regression of the distance of the farthest row, for every row of the graphs of :class:`Corso`, regenerated.

    x is (V, 1), a random number; y is (V, 1). Arguments, errors and source are those of
    :class:`~graphseq.tasks.longrange.corso.Corso`.

    Example:
        >>> 500 <= len(CorsoEccentricity(20).answers) <= 700
        True
    """


class CorsoDiameter(OfDiameter, Corso):
    """Regression of the largest distance of each graph of :class:`Corso`, regenerated: one answer a graph.

    x is (V, 1), a random number; y is (B, 1). Arguments, errors and source are those of
    :class:`~graphseq.tasks.longrange.corso.Corso`.

    Example:
        >>> task = CorsoDiameter(20)
        >>> task.per_graph, len(task.answers)
        (True, 20)
    """
