"""What holds for every encoder of ``families.FAMILIES``, and for every model made of one."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import pytest
import torch
from families import FAMILIES, D, Family, H
from randomgraphs import draw, join, renumbered, seen, sequence, with_x
from torch import Tensor

import graphseq as gs
from graphseq import SpaceTimeGraph
from graphseq.nn import Encoder, Model

READINGS = [None, "mean", "sum", "max", "pairs", "residual"]

each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
each_reading = pytest.mark.parametrize("pool", READINGS, ids=lambda pool: pool or "rows")
three_seeds = pytest.mark.parametrize("seed", range(3))


def encoder_of(family: Family, in_channels: int = D, dtype: torch.dtype = torch.float64) -> Encoder:
    torch.manual_seed(0)
    return family.build(in_channels).to(dtype)


def model_of(family: Family, pool: str | None = None, transform: Callable | None = None) -> Model:
    torch.manual_seed(0)
    if pool == "pairs":
        return Model(family.build(D), 3, transform=paired, head=gs.nn.PairHead).double()
    if pool == "residual":
        model = Model(family.build(D), D, head=gs.nn.ResidualHead).double()
        torch.nn.init.normal_(model.head.lin.weight)  # which is 0 at first
        return model
    return Model(family.build(D), 3, pool=pool, transform=transform).double()


def paired(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """The same graph, asked for each row and the one before it in its graph, or itself where there is none."""
    rows = torch.arange(graph.num_nodes)
    before = rows - (graph.graph_index.diff(prepend=torch.tensor([-1])) == 0).long()
    return graph.replace(y=None, target=None, edge_label_index=torch.stack([before, rows]))


def static(seed: int) -> SpaceTimeGraph:
    graph = nx.gnp_random_graph(6, 0.4, seed=seed, directed=bool(seed % 2))
    x = torch.randn(6, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return gs.from_graph(graph, x=x)


def signal(seed: int) -> SpaceTimeGraph:
    graph = static(seed)
    x = torch.randn(3, 6, D, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return gs.from_signal(x, graph.edge_index)


def ragged() -> list[SpaceTimeGraph]:
    return [draw(1), draw(2, nodes=1, times=1), draw(3, nodes=2, times=6), draw(4, directed=True)]


def marked(graph: SpaceTimeGraph) -> SpaceTimeGraph:
    """The same graph, asked at every second row."""
    graph = with_x(graph, graph.x)
    graph.target = torch.arange(graph.num_nodes) % 2 == 0
    return graph


@each_family
def test_a_batch_equals_separate_runs(family: Family) -> None:
    encoder = encoder_of(family)
    apart = torch.cat([encoder(graph) for graph in ragged()])
    torch.testing.assert_close(encoder(join(ragged())), apart, rtol=0, atol=1e-12)


@each_family
@each_reading
def test_a_model_on_a_batch_equals_separate_runs(family: Family, pool: str | None) -> None:
    model = model_of(family, pool)
    graphs = [marked(graph) for graph in ragged()]
    torch.testing.assert_close(model(join(graphs)), torch.cat([model(graph) for graph in graphs]), rtol=0, atol=1e-12)


@each_family
def test_a_growing_view_of_a_batch_equals_separate_runs(family: Family) -> None:
    model = model_of(family, transform=gs.transforms.grow)
    graphs = [sequence(seed, length) for seed, length in enumerate((3, 1, 4))]
    torch.testing.assert_close(model(join(graphs)), torch.cat([model(graph) for graph in graphs]), rtol=0, atol=1e-12)


@each_family
def test_the_order_of_a_batch_does_not_matter(family: Family) -> None:
    encoder = encoder_of(family)
    a, b, c, d = (graph.num_nodes for graph in ragged())
    swapped = encoder(join([ragged()[i] for i in (2, 0, 3, 1)])).split([c, a, d, b])
    expected = torch.cat([swapped[i] for i in (1, 3, 0, 2)])
    torch.testing.assert_close(encoder(join(ragged())), expected, rtol=0, atol=1e-12)


@each_family
@three_seeds
def test_the_numbering_of_rows_and_nodes_does_not_matter(family: Family, seed: int) -> None:
    encoder, graph = encoder_of(family), draw(seed, directed=True)
    other, old = renumbered(graph, seed)
    torch.testing.assert_close(encoder(other), encoder(graph)[old], rtol=0, atol=1e-12)


@each_family
def test_shifting_and_stretching_time_does_not_matter(family: Family) -> None:
    encoder, graph = encoder_of(family), draw(1)
    later = SpaceTimeGraph(graph.x, graph.node, 10 * graph.time - 7, graph.edge_index)
    torch.testing.assert_close(encoder(later), encoder(graph), rtol=0, atol=0)


@each_family
def test_a_sequence_of_one_row_is_a_prefix_of_a_longer_one(family: Family) -> None:
    encoder, longer = encoder_of(family), sequence(0, 4)
    alone = encoder(gs.from_sequence(longer.x[:1]))
    assert alone.shape == (1, H)
    assert alone.isfinite().all()
    if encoder.causal:
        torch.testing.assert_close(alone, encoder(longer)[:1], rtol=0, atol=1e-12)


@each_family
def test_a_graph_without_rows_is_an_error(family: Family) -> None:
    none = torch.zeros(0, dtype=torch.long)
    with pytest.raises(ValueError, match="graph without rows"):
        encoder_of(family)(SpaceTimeGraph(torch.zeros(0, D, dtype=torch.float64), none, none))


@each_family
def test_a_graph_without_rows_in_a_batch_changes_nothing(family: Family) -> None:
    encoder, none = encoder_of(family), torch.zeros(0, dtype=torch.long)
    empty = SpaceTimeGraph(torch.zeros(0, D, dtype=torch.float64), none, none)
    apart = torch.cat([encoder(draw(1)), encoder(draw(2))])
    torch.testing.assert_close(encoder(join([draw(1), empty, draw(2)])), apart, rtol=0, atol=1e-12)


@each_family
def test_features_of_another_width_are_an_error(family: Family) -> None:
    with pytest.raises(ValueError, match=r"in_channels=2, but x has 3 features"):
        encoder_of(family)(draw(0, channels=3))


@each_family
@pytest.mark.parametrize("token", [-1, D])
def test_a_token_out_of_range_is_an_error(family: Family, token: int) -> None:
    with pytest.raises(ValueError, match=f"in_channels=2, but x holds token {token}"):
        encoder_of(family)(gs.from_sequence(torch.tensor([0, token, 1])))


@each_family
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8])
def test_tokens_are_read_as_one_hot_rows(family: Family, dtype: torch.dtype) -> None:
    encoder, tokens = encoder_of(family, 3), torch.tensor([2, 0, 1, 1])
    one_hot = torch.eye(3, dtype=torch.float64)[tokens]
    expected = encoder(gs.from_sequence(one_hot))
    torch.testing.assert_close(encoder(gs.from_sequence(tokens.to(dtype))), expected, rtol=0, atol=0)


@each_family
@each_reading
def test_every_parameter_gets_a_gradient(family: Family, pool: str | None) -> None:
    model = model_of(family, pool)
    out = model(join(ragged()))
    (out * torch.randn(out.shape, dtype=out.dtype, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@each_family
def test_a_state_dict_makes_another_encoder_the_same(family: Family) -> None:
    encoder = encoder_of(family)
    torch.manual_seed(1)
    other = family.build(D).double()
    assert not torch.equal(other(draw(1)), encoder(draw(1)))
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other(draw(1)), encoder(draw(1)))


@each_family
def test_float64_and_float32_agree_to_float32(family: Family) -> None:
    single, double = encoder_of(family, dtype=torch.float32), encoder_of(family)
    out = single(draw(1, dtype=torch.float32))
    assert out.dtype == torch.float32
    exact = double(with_x(draw(1), draw(1, dtype=torch.float32).x.double()))
    assert exact.dtype == torch.float64
    torch.testing.assert_close(out.double(), exact, rtol=1e-4, atol=1e-5)


@each_family
def test_calling_twice_gives_the_same_states(family: Family) -> None:
    encoder, graph = encoder_of(family), draw(1)
    first = encoder(graph)
    encoder(draw(2))
    assert torch.equal(encoder(graph), first)


@each_family
def test_nothing_leaks_between_the_graphs_of_a_batch(family: Family) -> None:
    batch = join(ragged())
    across = batch.batch[:, None] != batch.batch
    assert not (seen(encoder_of(family), batch) & across).any()


@each_family
@three_seeds
@pytest.mark.parametrize(
    "graph",
    [draw, lambda s: draw(s, directed=True), lambda s: sequence(s, 7), static, signal],
    ids=["dynamic", "directed", "sequence", "static", "signal"],
)
def test_reach_is_the_pattern_of_the_jacobian(
    family: Family, seed: int, graph: Callable[[int], SpaceTimeGraph]
) -> None:
    encoder, data = encoder_of(family), graph(seed)
    assert torch.equal(encoder.reach(data, torch.arange(data.num_nodes)), seen(encoder, data))


@each_family
def test_reach_of_a_batch_is_the_pattern_of_the_jacobian(family: Family) -> None:
    encoder, batch = encoder_of(family), join([draw(5, times=3), draw(6, times=2)])
    assert torch.equal(encoder.reach(batch, torch.arange(batch.num_nodes)), seen(encoder, batch))


@each_family
def test_reach_of_some_rows_is_those_rows_of_the_whole(family: Family) -> None:
    encoder, graph = encoder_of(family), draw(1)
    whole = encoder.reach(graph, torch.arange(graph.num_nodes))
    assert torch.equal(encoder.reach(graph, torch.tensor([3, 0])), whole[[3, 0]])


@each_family
@each_reading
@three_seeds
def test_reach_of_a_model_is_the_pattern_of_its_jacobian(family: Family, pool: str | None, seed: int) -> None:
    model = model_of(family, pool)
    batch = join([marked(draw(seed, times=3)), marked(draw(seed + 10, times=2))])
    reach, jacobian = model.reach(batch), seen(model, batch)
    if pool == "max":  # of the rows within reach, those that hold no largest entry do not count this time
        assert not (jacobian & ~reach).any()
    else:
        assert torch.equal(jacobian, reach)


@each_family
def test_reach_through_a_growing_view_is_the_pattern_of_the_jacobian(family: Family) -> None:
    model = model_of(family, transform=gs.transforms.grow)
    batch = join([marked(sequence(0, 4)), marked(sequence(1, 2))])
    assert torch.equal(model.reach(batch), seen(model, batch))


def later_rows_change_earlier_states(function: Callable[[SpaceTimeGraph], Tensor], graph: SpaceTimeGraph) -> bool:
    out, changed = function(graph), False
    for moment in graph.time.unique().tolist():
        x = torch.where((graph.time > moment)[:, None], graph.x + 1, graph.x)
        before = graph.time <= moment
        changed = changed or not torch.equal(function(with_x(graph, x))[before], out[before])
    return changed


@each_family
@three_seeds
def test_causal_says_whether_a_later_row_changes_an_earlier_state(family: Family, seed: int) -> None:
    encoder = encoder_of(family)
    assert later_rows_change_earlier_states(encoder, draw(seed)) is not encoder.causal


@each_family
def test_a_view_that_grows_keeps_the_past_from_the_future(family: Family) -> None:
    model = model_of(family, transform=gs.transforms.grow)
    assert not (model.causal and later_rows_change_earlier_states(model, sequence(0, 5)))


@each_family
def test_a_size_below_one_is_an_error(family: Family) -> None:
    with pytest.raises(ValueError, match="in_channels must be at least 1, got 0"):
        family.build(0)
