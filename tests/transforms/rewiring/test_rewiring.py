"""Rewiring: gaps rise, bottlenecks are relieved, twins by hand choose the same edges, attributes are kept."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import networkx as nx
import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq import reach
from graphseq.data.curvature import balanced_forman_curvature, curvature_of
from graphseq.reach.measures import distances, edges_of, spectral_gap
from graphseq.transforms import add_virtual_node, fosr, k_hop, sdrf
from graphseq.transforms.rewiring.fosr import _smallest_product

GRAPHS = {
    "path": nx.path_graph(12),
    "barbell": nx.barbell_graph(6, 2),
    "tree": nx.balanced_tree(2, 3),
    "parts": nx.disjoint_union(nx.cycle_graph(5), nx.cycle_graph(6)),
}


def data_of(graph: nx.Graph) -> Data:
    data = from_networkx(nx.convert_node_labels_to_integers(nx.Graph(graph.edges)))
    data.x = torch.randn(data.num_nodes, 3, generator=torch.Generator().manual_seed(0))
    return data


def new_edges(old: nx.Graph, new: nx.Graph) -> set[tuple[int, int]]:
    return {tuple(sorted(edge)) for edge in new.edges} - {tuple(sorted(edge)) for edge in old.edges}


def fosr_by_hand(graph: nx.Graph, edges: int, seed: int) -> list[tuple[int, int]]:
    """Algorithm 1 with dense matrices."""
    a = nx.to_numpy_array(graph)
    x = np.random.default_rng([seed, 0]).uniform(-1, 1, len(a))
    chosen = []

    def power(x: np.ndarray) -> np.ndarray:
        d = a.sum(axis=1)
        x = x - x @ np.sqrt(d) * np.sqrt(d) / d.sum()
        y = x + a @ (x / np.sqrt(d)) / np.sqrt(d)
        return y / np.linalg.norm(y)

    for _ in range(10):
        x = power(x)
    for _ in range(edges):
        y = x / np.sqrt(1 + a.sum(axis=1))
        products = np.outer(y, y)
        products[(a > 0) | np.eye(len(a), dtype=bool)] = np.inf
        i, j = sorted(np.unravel_index(products.argmin(), products.shape))
        a[i, j] = a[j, i] = 1
        chosen.append((int(i), int(j)))
        x = power(x)
    return chosen


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("seed", [0, 5])
def test_fosr_chooses_the_edges_of_the_algorithm_with_dense_matrices(name: str, seed: int) -> None:
    graph = GRAPHS[name]
    assert new_edges(graph, fosr(graph, 4, seed=seed)) == set(fosr_by_hand(graph, 4, seed))


def test_fosr_chooses_what_the_code_of_its_authors_chooses() -> None:
    """Literal edges of kedar2/FoSR, ``edge_rewire``, from the same first x and 10 power iterations."""
    expected = {
        "karate": (nx.karate_club_graph(), [(1, 16), (3, 5), (6, 7), (2, 4), (9, 10), (6, 30)]),
        "random": (nx.gnp_random_graph(18, 0.25, seed=3), [(3, 10), (13, 17), (0, 15), (1, 3), (4, 12), (7, 11)]),
        "petersen": (nx.petersen_graph(), [(2, 9), (3, 5), (2, 5), (1, 7), (3, 9), (2, 4)]),
    }
    for graph, edges in expected.values():
        plain = nx.Graph()  # without the weights of the karate club
        plain.add_nodes_from(graph)
        plain.add_edges_from(graph.edges)
        assert new_edges(plain, fosr(plain, 6, seed=0)) == set(edges)


@pytest.mark.parametrize("name", GRAPHS)
def test_fosr_raises_the_spectral_gap(name: str) -> None:
    graph = GRAPHS[name]
    gaps = [spectral_gap(fosr(graph, count, power_iterations=50)) for count in (0, 2, 6)]
    assert gaps[0] < min(gaps[1:])  # an edge alone may lower it, since it is chosen to first order
    if name == "parts":
        assert gaps[0] == 0.0


def test_the_smallest_product_is_found_among_the_extremes(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    for case in range(20):
        y = rng.standard_normal(150) * (0.01 if case % 2 else 1.0)
        if case % 3 == 0:
            y = np.abs(y)
        order = np.argsort(y)
        extreme = set(order[:40].tolist()) | set(order[-40:].tolist())
        near = [(extreme - {i}) if i in extreme else set() for i in range(150)]  # all of the first ones are taken
        products = np.outer(y, y)
        products[np.tril_indices(150)] = np.inf
        for i in extreme:
            products[i, list(near[i])] = np.inf
        pair = _smallest_product(y, near)
        assert pair is not None
        assert products[pair] == products.min()
    assert _smallest_product(np.array([1.0, -1.0]), [{1}, {0}]) is None


def test_sdrf_adds_around_the_lowest_curvature() -> None:
    graph = nx.barbell_graph(5, 0)
    (edge,) = new_edges(graph, sdrf(graph, 1))
    assert edge[0] < 5 <= edge[1]
    near = [set(graph[node]) for node in graph]
    best = max(
        curvature_of([other | ({m} if n == k else {k} if n == m else set()) for n, other in enumerate(near)], 4, 5)
        for k in range(5)
        for m in range(5, 10)
        if m not in near[k]
    )
    rewired = nx.Graph([*graph.edges, edge])
    assert curvature_of([set(rewired[node]) for node in range(10)], 4, 5) == pytest.approx(best)


@pytest.mark.parametrize("name", ["barbell", "tree"])
def test_sdrf_relieves_the_bottleneck(name: str) -> None:
    graph = nx.barbell_graph(6, 0) if name == "barbell" else GRAPHS[name]
    lowest = [float(balanced_forman_curvature(sdrf(graph, count)).value.min()) for count in (0, 6, 15)]
    assert lowest[0] < lowest[1] < lowest[2]


def test_sdrf_keeps_its_curvatures_right_as_edges_come_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = nx.gnp_random_graph(16, 0.25, seed=4)
    code = sys.modules["graphseq.transforms.rewiring.sdrf"]
    update = code._update

    def checked(near: list[set[int]], curvature: dict, edge: tuple[int, int]) -> None:
        update(near, curvature, edge)
        assert curvature == {(i, j): curvature_of(near, i, j) for i, nodes in enumerate(near) for j in nodes if i < j}

    monkeypatch.setattr(code, "_update", checked)
    out = sdrf(graph, 12, removal_above=0.2, temperature=5.0, seed=3)
    assert len(new_edges(graph, out)) > 0
    assert len(new_edges(out, graph)) > 0


def test_sdrf_draws_by_its_seed_and_ends_where_nothing_can_be_added() -> None:
    graph = GRAPHS["barbell"]
    drawn = [frozenset(new_edges(graph, sdrf(graph, 3, temperature=0.1, seed=seed))) for seed in (0, 0, 1, 2, 3)]
    assert drawn[0] == drawn[1]
    assert len(set(drawn)) > 1
    assert sdrf(nx.complete_graph(4), 5).number_of_edges() == 6
    assert sdrf(nx.empty_graph(3), 5).number_of_edges() == 0
    assert fosr(nx.complete_graph(4), 5).number_of_edges() == 6
    assert fosr(nx.empty_graph(1), 5).number_of_edges() == 0


@pytest.mark.parametrize("hops", [1, 2, 3, 20, 10**30])
def test_k_hop_joins_what_is_within_k_hops_also_of_directed_edges(hops: int) -> None:
    graph = nx.gnp_random_graph(15, 0.12, seed=2, directed=True)
    found = edges_of(k_hop(graph, hops)).simple.toarray()
    between = distances(graph).numpy()
    assert np.array_equal(found, ((between >= 1) & (between <= hops)).astype(float))


def test_the_virtual_node_of_pyg_data_brings_all_within_two_hops_and_is_asked_nothing() -> None:
    data = data_of(GRAPHS["path"])
    data.y, data.train_mask = torch.arange(12), torch.ones(12, dtype=torch.bool)
    found = add_virtual_node(data)
    assert float(distances(found).max()) == 2.0
    assert (found.y[-1].item(), found.train_mask[-1].item(), found.x[-1].tolist()) == (-100, False, [0.0, 0.0, 0.0])
    assert found.is_virtual.tolist() == [False] * 12 + [True]
    loss = torch.nn.functional.cross_entropy(torch.zeros(13, 12), found.y)
    assert float(loss) == pytest.approx(np.log(12))


def test_every_graph_of_a_batch_is_rewired_alone() -> None:
    whole = Batch.from_data_list([data_of(GRAPHS["path"]), data_of(GRAPHS["barbell"])])
    for rewire in (partial(fosr, edges=3), partial(sdrf, edges=3), partial(k_hop, hops=2), add_virtual_node):
        found = rewire(whole)
        member = found.batch
        assert bool((member[found.edge_index[0]] == member[found.edge_index[1]]).all())
        assert found.edge_index.shape[1] > whole.edge_index.shape[1]
    alone = k_hop(data_of(GRAPHS["path"]), 2).edge_index.shape[1]
    alone += k_hop(data_of(GRAPHS["barbell"]), 2).edge_index.shape[1]
    assert k_hop(whole, 2).edge_index.shape[1] == alone
    graphs = [data_of(GRAPHS["path"]), data_of(GRAPHS["barbell"])]
    for rewire in (partial(k_hop, hops=2), add_virtual_node):
        found = rewire(whole).to_data_list()
        for one, graph in zip(found, graphs, strict=True):
            expected = rewire(graph)
            assert one.num_nodes == expected.num_nodes
            assert one.edge_index.tolist() == expected.edge_index.tolist()
    assert add_virtual_node(whole).ptr.tolist() == [0, len(graphs[0].x) + 1, len(whole.x) + 2]


def test_a_batch_that_cannot_be_split_becomes_data() -> None:
    whole = Batch.from_data_list([data_of(GRAPHS["path"]), data_of(GRAPHS["barbell"])])
    whole.later = torch.arange(whole.num_nodes)
    for rewire in (partial(k_hop, hops=2), add_virtual_node):
        assert type(rewire(whole)) is Data
    virtual = add_virtual_node(whole)
    assert virtual.batch[-2:].tolist() == [0, 1]
    assert len(virtual.later) == virtual.num_nodes


REWIRES: dict[str, Callable] = {
    "fosr": partial(fosr, edges=2),
    "sdrf": partial(sdrf, edges=2),
    "k_hop": partial(k_hop, hops=2),
    "virtual_node": add_virtual_node,
}
each = pytest.mark.parametrize("rewire", REWIRES.values(), ids=REWIRES)


def weighted(kind: str) -> Data | gs.SpaceTimeGraph:
    data = data_of(GRAPHS["barbell"])
    count = data.edge_index.shape[1]
    half = torch.arange(count, dtype=torch.float32)
    order = {tuple(pair): i for i, pair in enumerate(data.edge_index.t().tolist())}
    data.edge_weight = torch.stack([half[min(order[i, j], order[j, i])] + 1 for i, j in order])
    data.edge_attr = torch.stack([data.edge_weight, -data.edge_weight], dim=1)
    return data if kind == "data" else gs.from_graph(data)


@each
@pytest.mark.parametrize("kind", ["data", "rows"])
def test_weights_and_features_of_new_edges_are_given_or_refused(rewire: Callable, kind: str) -> None:
    graph = weighted(kind)
    with pytest.raises(ValueError, match=r"edges of graph have weights; give those of new edges"):
        rewire(graph)
    with pytest.raises(
        ValueError,
        match=r"have features, edge_attr \(\d+, 2\); give .* such as edge_attr=torch.zeros\(2\)",
    ):
        rewire(graph, edge_weight=1.0)
    with pytest.raises(ValueError, match=r"edge_attr of a new edge must be \(2,\), got \(3,\)"):
        rewire(graph, edge_weight=1.0, edge_attr=torch.zeros(3))
    found = rewire(graph, edge_weight=0.25, edge_attr=torch.tensor([7.0, 8.0]))
    old = graph.edge_index.shape[1]
    assert torch.equal(found.edge_index[:, :old], graph.edge_index)
    assert torch.equal(found.edge_weight[:old], graph.edge_weight)
    assert torch.equal(found.edge_attr[:old], graph.edge_attr)
    assert set(found.edge_weight[old:].tolist()) == {0.25}
    assert {tuple(row) for row in found.edge_attr[old:].tolist()} == {(7.0, 8.0)}


@each
def test_what_edges_do_not_have_cannot_be_given_and_further_attributes_are_refused(rewire: Callable) -> None:
    data = data_of(GRAPHS["path"])
    with pytest.raises(ValueError, match=r"edge_weight=1.0 was given, but the edges of graph have no weights"):
        rewire(data, edge_weight=1.0)
    with pytest.raises(ValueError, match="edge_attr was given, but the edges of graph have no features"):
        rewire(data, edge_attr=torch.zeros(1))
    data.edge_type = torch.zeros(data.edge_index.shape[1], dtype=torch.long)
    with pytest.raises(ValueError, match="graph has edge_type, an attribute of its edges that new edges would lack"):
        rewire(data)


@each
def test_nothing_of_the_old_graph_changes_and_three_types_agree(rewire: Callable) -> None:
    data = data_of(GRAPHS["barbell"])
    before = data.edge_index.clone()
    found = rewire(data)
    assert torch.equal(data.edge_index, before)
    rows = rewire(gs.from_graph(data))
    named = rewire(nx.convert_node_labels_to_integers(nx.Graph(GRAPHS["barbell"].edges)))
    pattern = edges_of(found).simple.toarray()
    assert np.array_equal(edges_of(rows).simple.toarray(), pattern)
    assert np.array_equal(edges_of(named).simple.toarray(), pattern)


@each
def test_they_stand_before_a_model_and_change_its_reach(rewire: Callable) -> None:
    graph = gs.from_graph(data_of(GRAPHS["path"]))
    torch.manual_seed(0)
    encoder = gs.nn.GCN(3, 4, num_layers=3)
    plain, other = gs.nn.Model(encoder, 2), gs.nn.Model(encoder, 2, transform=rewire)
    influence = reach.influence(other, graph, outputs=torch.tensor([0]))
    assert int((influence > 0).sum()) > int((reach.influence(plain, graph, outputs=torch.tensor([0])) > 0).sum())
    assert other(graph).shape == (12, 2)


def test_a_model_rewires_each_graph_once() -> None:
    graph = gs.from_graph(data_of(GRAPHS["tree"]))
    for rewire in (partial(fosr, edges=2), partial(sdrf, edges=2), partial(k_hop, hops=2)):
        assert rewire(graph).topology is rewire(graph.replace(x=graph.x + 1)).topology
    assert fosr(graph, 2).topology is not fosr(graph, 3).topology
    assert sdrf(graph, 2).topology is not sdrf(graph, 2, temperature=1.0).topology


def test_directed_edges_times_and_tokens_are_refused_by_name() -> None:
    directed = nx.DiGraph([(0, 1), (1, 2)])
    for name, rewire in (("fosr", partial(fosr, edges=1)), ("sdrf", partial(sdrf, edges=1))):
        with pytest.raises(ValueError, match=f"{name} is defined on undirected graphs, but the edge 0 → 1"):
            rewire(directed)
    signal = gs.from_signal(torch.zeros(2, 3, 1), torch.tensor([[0, 1], [1, 0]]))
    for name, rewire in zip(("fosr", "sdrf", "k_hop", "add_virtual_node"), REWIRES.values(), strict=True):
        with pytest.raises(ValueError, match=f"{name} rewires static graphs, but node 0 is there at several times"):
            rewire(signal)
    tokens = data_of(GRAPHS["path"])
    tokens.x = torch.zeros(12, dtype=torch.long)
    with pytest.raises(TypeError, match=r"x holds tokens \(torch.int64\), of which 0 is one"):
        add_virtual_node(tokens)
    with pytest.raises(TypeError, match=r"graph must be PyG Data, a networkx graph or .*, got str"):
        fosr("graph", 1)  # type: ignore[type-var]


def test_by_name_they_are_the_same_and_foreign_arguments_are_refused() -> None:
    graph = GRAPHS["barbell"]
    assert new_edges(graph, reach.rewire(graph, "fosr", edges=3, seed=2)) == new_edges(graph, fosr(graph, 3, seed=2))
    assert new_edges(graph, reach.rewire(graph, "sdrf", edges=3)) == new_edges(graph, sdrf(graph, 3))
    assert new_edges(graph, reach.rewire(graph, "k_hop", hops=2)) == new_edges(graph, k_hop(graph, 2))
    assert len(reach.rewire(graph, "virtual_node")) == len(graph) + 1
    with pytest.raises(ValueError, match="method='fosr' needs edges=…"):
        reach.rewire(graph, "fosr")
    with pytest.raises(ValueError, match="hops=2 was given, but method='fosr' does not take it"):
        reach.rewire(graph, "fosr", edges=1, hops=2)
    with pytest.raises(ValueError, match="method must be one of fosr, k_hop, sdrf, virtual_node; got 'digl'"):
        reach.rewire(graph, "digl")  # type: ignore[arg-type]


def weights_of(graph: nx.Graph) -> Tensor:
    return torch.tensor([values["weight"] for *_, values in graph.edges(data=True)])


def test_weights_of_networkx_graphs() -> None:
    graph = nx.barbell_graph(4, 0)
    nx.set_edge_attributes(graph, 3.0, "weight")
    with pytest.raises(ValueError, match="edges of graph have weights"):
        fosr(graph, 1)
    assert sorted(weights_of(fosr(graph, 2, edge_weight=0.5)).tolist())[:3] == [0.5, 0.5, 3.0]
    assert weights_of(add_virtual_node(graph, edge_weight=2.0)).tolist().count(2.0) == 8


@each
def test_the_receptive_field_of_a_model_behind_them_is_the_pattern_of_its_jacobian(rewire: Callable) -> None:
    graph = gs.from_graph(data_of(GRAPHS["tree"]))
    torch.manual_seed(0)
    model = gs.nn.Model(gs.nn.GCN(3, 8, num_layers=2), 2, transform=rewire).double()
    influence = reach.influence(model, graph)
    assert torch.equal(model.reach(graph), influence > 0)
