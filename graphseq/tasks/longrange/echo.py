"""ECHO, regenerated: shortest paths, eccentricity and diameter on six families of graphs of 17 to 40 hops."""

from __future__ import annotations

from graphseq._arguments import checked_arguments
from graphseq.tasks.longrange.echo_graphs import FAMILIES, echo_graphs
from graphseq.tasks.longrange.seeded import OfDiameter, OfEccentricity, OfShortestPaths, SeededDistances


class Echo(SeededDistances):
    r"""Regression of a distance on graphs drawn as those of ECHO are described; the published files are not these.

    Families, each a sixth of the graphs: *line*, of which each row has with probability 0.2 a residual edge to the row
    2 to 6 hops further; *ladder*; *grid*, that lost each edge with probability 0.2, its largest connected part; *tree*;
    *caterpillar* and *lobster*, a path to which rows, and to these further rows, are attached. Graphs are drawn until
    their diameter is within ``diameters``, rows are in random order, and x is a number drawn from (0, 1) for each row,
    which says nothing.

    Three things are not those of the paper. Its trees are said to grow by preferential attachment with
    probability :math:`\propto k^3` of the degree k, but such trees are stars of 2 to 5 hops; here the probability
    is :math:`\propto k^{-3}`, whose trees of 35 to 200 rows have 17 to 40 hops. The sizes and the split of the
    published sets are not in its text. The source of shortest paths is no target, since its own input has its answer.

    The published measure is the mean absolute error in hops, ``metrics=["mae"]``; y is in hops.

    Args:
        num_graphs: number of graphs; published sets have 10,080.
        seed: of the graphs. The three tasks have the same graphs of a seed.
        diameters: smallest and largest diameter; (41, 80), say, asks whether a model trained at the default
            extrapolates.
        tolerance: error below which an answer is correct, in hops.

    Raises:
        TypeError, ValueError: fewer than one graph of each family, diameters below 3 or out of order, a tolerance
            outside 0 to 0.5.

    Source: Miglior, Tolloso, Gravina and Bacciu, *Can You Hear Me Now? A Benchmark for Long-Range Graph Propagation*
    (2026), arXiv 2512.17762.
    """

    @checked_arguments
    def __init__(
        self,
        num_graphs: int = 1008,
        *,
        seed: int = 0,
        diameters: tuple[int, int] = (17, 40),
        tolerance: float = 0.5,
    ) -> None:
        super().__init__(
            echo_graphs,
            num_graphs,
            seed=seed,
            limits=diameters,
            name="diameters",
            at_least=(len(FAMILIES), 3),
            tolerance=tolerance,
        )


class EchoShortestPaths(OfShortestPaths, Echo):
    """Regression of the distance of each row from a marked source, on the graphs of :class:`Echo`, regenerated.

    x is (V, 2): a random number, and 1 at the source, else 0; y is (K, 1), 1 to the largest diameter. Arguments, errors
    and source are those of :class:`~graphseq.tasks.longrange.echo.Echo`.

    Example:
        >>> import torch
        >>> task = EchoShortestPaths(6, seed=1)
        >>> task.families
        ('line', 'ladder', 'grid', 'tree', 'caterpillar', 'lobster')
        >>> graph = task.graphs(torch.arange(6))
        >>> int(graph.x[:, 1].sum()), int(graph.y.min())
        (6, 1)
    """


class EchoEccentricity(OfEccentricity, Echo):
    """Regression of the distance of the farthest row, for every row of the graphs of :class:`Echo`, regenerated.

    x is (V, 1), a random number; y is (V, 1). Arguments, errors and source are those of
    :class:`~graphseq.tasks.longrange.echo.Echo`.

    Example:
        >>> import torch
        >>> graph = EchoEccentricity(6).graphs(torch.arange(6))
        >>> bool((graph.y >= 17 / 2).all())  # no row is nearer to all others than half the diameter
        True
    """


class EchoDiameter(OfDiameter, Echo):
    """Regression of the largest distance of each graph of :class:`Echo`, regenerated: one answer a graph.

    A model must pool: ``Model(encoder, 1, pool="max")``. x is (V, 1), a random number; y is (B, 1). Arguments, errors
    and source are those of :class:`~graphseq.tasks.longrange.echo.Echo`.

    Example:
        >>> task = EchoDiameter(12, diameters=(20, 22))
        >>> task.per_graph, sorted(set(task.answers[:, 0].tolist()))
        (True, [20.0, 21.0, 22.0])
    """
