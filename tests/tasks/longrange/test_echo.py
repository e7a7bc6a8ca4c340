"""ECHO regenerated: its families as they are described, its answers, and that nothing but distance tells of them."""

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import stats

from graphseq.tasks import EchoDiameter, EchoEccentricity, EchoShortestPaths, Task
from graphseq.tasks.longrange.drawn import Drawn, distances, largest_component
from graphseq.tasks.longrange.echo import Echo
from graphseq.tasks.longrange.echo_graphs import FAMILIES, caterpillar, echo_graphs, grown_tree, ladder, line, lobster


def networkx_graph(graph: Drawn) -> nx.Graph:
    whole = nx.Graph()
    whole.add_nodes_from(range(len(graph.hops)))
    whole.add_edges_from(graph.edges.T.tolist())
    return whole


@pytest.fixture(scope="module")
def graphs() -> list[Drawn]:
    return echo_graphs(60, (17, 40), np.random.default_rng(0))


def test_all_graphs_are_connected_simple_and_of_17_to_40_hops(graphs: list[Drawn]) -> None:
    for graph in graphs:
        whole = networkx_graph(graph)
        assert nx.is_connected(whole)
        assert nx.number_of_selfloops(whole) == 0
        assert 17 <= nx.diameter(whole) == graph.diameter <= 40


def test_families_come_in_turn_and_are_trees_where_they_are_called_so(graphs: list[Drawn]) -> None:
    assert [graph.family for graph in graphs[:6]] == list(FAMILIES)
    for graph in graphs:
        assert nx.is_tree(networkx_graph(graph)) is (graph.family in {"tree", "caterpillar", "lobster"})


def without_leaves(tree: nx.Graph) -> nx.Graph:
    return tree.subgraph([node for node, degree in tree.degree if degree > 1])


def test_a_caterpillar_is_a_path_without_its_leaves_and_a_lobster_is_a_caterpillar(graphs: list[Drawn]) -> None:
    for graph in graphs:
        if graph.family in ("caterpillar", "lobster"):
            core = without_leaves(networkx_graph(graph))
            core = core if graph.family == "caterpillar" else without_leaves(core)
            assert max(dict(core.degree).values()) <= 2


@pytest.mark.parametrize("rungs", [3, 8, 17])
def test_a_ladder_of_n_rungs_has_diameter_n(rungs: int) -> None:
    nodes, pairs = ladder(rungs, rungs, np.random.default_rng(0))
    assert nx.is_isomorphic(nx.Graph(pairs), nx.ladder_graph(rungs))
    ends = np.array(pairs).T
    assert distances(nodes, np.concatenate([ends, ends[::-1]], axis=1)).max() == rungs


def test_a_fifth_of_the_rows_of_a_line_have_a_residual_edge_of_2_to_6_hops() -> None:
    rng = np.random.default_rng(0)
    drawn = [line(17, 40, rng) for _ in range(200)]
    steps = [b - a for _, pairs in drawn for a, b in pairs if b - a > 1]
    rows = sum(nodes for nodes, _ in drawn)
    assert sorted(set(steps)) == [2, 3, 4, 5, 6]
    assert abs(len(steps) / rows - 0.2 * (1 - 4 / (rows / 200))) < 0.01  # the last rows have no room for theirs


def test_trees_of_the_published_exponent_are_stars_and_those_of_its_negative_are_deep() -> None:
    def diameter(exponent: float, seed: int) -> int:
        return int(nx.diameter(nx.Graph(grown_tree(150, exponent, np.random.default_rng(seed)))))

    assert max(diameter(3.0, seed) for seed in range(10)) < 8
    assert min(diameter(-3.0, seed) for seed in range(10)) > 17


@pytest.mark.parametrize("family", [caterpillar, lobster])
def test_the_smallest_of_a_family_is_drawn_without_an_error(family: object) -> None:
    for seed in range(50):
        nodes, pairs = family(3, 3, np.random.default_rng(seed))  # type: ignore[operator]
        assert nx.is_tree(nx.Graph(pairs))
        assert len(nx.Graph(pairs)) == nodes


def test_the_largest_part_is_cut_out_with_its_nodes_counted_anew() -> None:
    assert largest_component(5, [(0, 1), (2, 4), (4, 3)]) == (3, [(0, 2), (2, 1)])


@pytest.mark.parametrize("kind", [EchoShortestPaths, EchoEccentricity, EchoDiameter])
def test_answers_are_those_of_networkx(kind: type[Echo]) -> None:
    task = kind(12, seed=3, diameters=(5, 8))
    for number in range(12):
        graph = task.graphs(torch.tensor([number]))
        whole = nx.Graph(graph.edge_index.t().tolist())
        if kind is EchoShortestPaths:
            source = int(graph.x[:, 1].argmax())
            lengths = nx.single_source_shortest_path_length(whole, source)
            expected = [lengths[row] for row in range(len(whole)) if row != source]
        elif kind is EchoEccentricity:
            eccentricity = nx.eccentricity(whole)
            expected = [eccentricity[row] for row in range(len(whole))]
        else:
            expected = [nx.diameter(whole)]
        assert graph.y[:, 0].tolist() == expected == task.hops_needed(graph).tolist()


def test_hops_needed_by_the_general_rule_are_the_answers() -> None:
    task = EchoShortestPaths(6, diameters=(5, 8))
    graph = task.graphs(torch.arange(6))
    assert Task.hops_needed(task, graph).tolist() == graph.y[:, 0].tolist()


def test_the_three_tasks_of_a_seed_have_the_same_graphs_and_other_seeds_others() -> None:
    tasks = [kind(6, seed=5, diameters=(4, 6)) for kind in (EchoShortestPaths, EchoEccentricity, EchoDiameter)]
    edges = [task.graphs(torch.arange(6)).edge_index for task in tasks]
    assert torch.equal(edges[0], edges[1])
    assert torch.equal(edges[0], edges[2])
    other = EchoDiameter(6, seed=6, diameters=(4, 6)).graphs(torch.arange(6)).edge_index
    assert edges[0].shape != other.shape or not torch.equal(edges[0], other)


def test_a_rows_number_and_its_place_say_nothing_of_its_answer() -> None:
    task = EchoEccentricity(300, diameters=(6, 9))
    graph = task.graphs(torch.arange(300))
    y, x = graph.y[:, 0].numpy(), graph.x[:, 0].numpy()
    # The rows of a graph have related answers, so one of each graph is tested.
    first = np.flatnonzero(np.diff(graph.batch.numpy(), prepend=-1))
    assert stats.spearmanr(x[first], y[first]).pvalue > 1e-3
    last = np.append(first[1:], len(y)) - 1
    assert abs(y[first].mean() - y[last].mean()) < 4 * y.std() * (2 / 300) ** 0.5


def test_parts_are_disjoint_and_have_the_same_share_of_each_family() -> None:
    task = EchoDiameter(60, diameters=(4, 6))
    parts = task.split(seed=1)
    assert sorted(number for part in parts for number in part.numbers.tolist()) == list(range(60))
    assert [[part.families.count(name) for name in FAMILIES] for part in parts] == [[6] * 6, [2] * 6, [2] * 6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_graphs": 5}, "num_graphs must be at least 6"),
        ({"diameters": (2, 9)}, r"diameters\[0\]"),
        ({"diameters": (9, 8)}, r"diameters\[1\]"),
        ({"tolerance": 0.7}, "tolerance must be at most 0.5"),
        ({"seed": -1}, "seed"),
    ],
)
def test_odd_arguments_are_refused_by_name(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EchoDiameter(**arguments)  # type: ignore[arg-type]


def test_shares_that_do_not_sum_to_one_are_refused() -> None:
    task = EchoDiameter(18, diameters=(4, 6))
    with pytest.raises(ValueError, match="shares must be three that sum to 1"):
        task.split(shares=(0.5, 0.2, 0.2))
    with pytest.raises(ValueError, match="3 graphs or more of each family"):
        task.part(torch.arange(6)).split()
