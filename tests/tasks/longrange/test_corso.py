"""The graphs of Corso et al., regenerated: sizes, edges, and answers where a graph falls into parts."""

import networkx as nx
import numpy as np
import pytest
import torch

from graphseq.tasks import CorsoDiameter, CorsoEccentricity, CorsoShortestPaths
from graphseq.tasks.longrange.corso_graphs import FAMILIES, chance, corso_graphs, toggled


def test_graphs_have_25_to_35_rows_none_of_them_alone() -> None:
    graphs = corso_graphs(100, (25, 35), np.random.default_rng(0))
    sizes = [len(graph.hops) for graph in graphs]
    assert min(sizes) >= 25
    assert max(sizes) <= 35
    for graph in graphs:
        assert sorted(set(graph.edges[0].tolist())) == list(range(len(graph.hops)))
    assert {graph.family for graph in graphs} == set(FAMILIES)


def test_shares_of_the_families_sum_to_one() -> None:
    assert sum(share for share, _ in FAMILIES.values()) == pytest.approx(1)


def test_the_generator_adds_two_numbers_so_that_its_chances_are_not_those_it_names() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.uniform(0, 0.5, 200_000) + rng.uniform(0, 0.5, 200_000)
    for nominal in (0.05, 0.3, 0.5, 0.7, 0.9):
        assert chance(nominal) == pytest.approx((drawn < nominal).mean(), abs=0.004)


@pytest.mark.parametrize(
    ("graph", "kept", "added"),
    [
        (nx.path_graph(30), 0.98, 2 * (0.1 * 29 / 406) ** 2),
        (nx.complete_graph(30), 1 - 2 * 0.0**2, 0.0),
        (nx.gnp_random_graph(30, 0.8, seed=0), None, 0.02),
    ],
)
def test_toggling_keeps_and_adds_edges_with_the_chances_of_the_generator(
    graph: nx.Graph, kept: float | None, added: float
) -> None:
    rng = np.random.default_rng(0)
    before = {tuple(sorted(pair)) for pair in graph.edges}
    others = 435 - len(before)
    if kept is None:
        kept = 1 - 2 * (0.1 - 0.1 * (len(before) - others) / len(before)) ** 2
    after = [set(toggled(30, list(graph.edges), rng)) for _ in range(400)]
    assert np.mean([len(before & pairs) for pairs in after]) == pytest.approx(kept * len(before), rel=0.005)
    assert np.mean([len(pairs - before) for pairs in after]) == pytest.approx(added * others, abs=0.2)


def test_answers_are_those_of_each_part_of_a_graph() -> None:
    paths, far, wide = (kind(40, seed=2) for kind in (CorsoShortestPaths, CorsoEccentricity, CorsoDiameter))
    parted = 0
    for number in range(40):
        graph = far.graphs(torch.tensor([number]))
        whole = nx.Graph(graph.edge_index.t().tolist())
        parts = [whole.subgraph(part) for part in nx.connected_components(whole)]
        parted += len(parts) > 1
        longest = {row: hops for part in parts for row, hops in nx.eccentricity(part).items()}
        assert graph.y[:, 0].tolist() == [longest[row] for row in range(len(whole))]
        assert wide.graphs(torch.tensor([number])).y.item() == max(longest.values())
        asked = paths.graphs(torch.tensor([number]))
        lengths = nx.single_source_shortest_path_length(whole, int(asked.x[:, 1].argmax()))
        assert asked.y[:, 0].tolist() == [lengths[row] for row in sorted(lengths) if lengths[row]]
    assert parted  # some fall into parts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"num_graphs": 1}, "num_graphs"), ({"sizes": (4, 9)}, r"sizes\[0\]"), ({"sizes": (12, 9)}, r"sizes\[1\]")],
)
def test_odd_arguments_are_refused_by_name(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CorsoDiameter(**arguments)  # type: ignore[arg-type]
