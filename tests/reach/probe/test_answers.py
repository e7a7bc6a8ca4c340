"""What a model answers for is found, said or refused: rows, edges, pairs, graphs; and how it is called."""

from __future__ import annotations

import pytest
import torch
import torch_geometric.nn as pyg
from models import batch, graph
from torch import Tensor, nn
from torch_geometric.data import Batch, Data, HeteroData
from torch_geometric.loader import DataLoader
from torch_geometric.transforms import ToSparseTensor

import graphseq as gs
from graphseq.reach import Probe, TooLargeError


class Pooled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lin = pyg.GCNConv(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.lin(pyg.global_mean_pool(self.conv(x, edge_index).tanh(), batch))


class Pairs(nn.Module):
    """One number for each edge, or for each pair that the data asks about."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.GCNConv(3, 4)

    def forward(self, x: Tensor, edge_index: Tensor, edge_label_index: Tensor) -> Tensor:
        h = self.conv(x, edge_index).tanh()
        return (h[edge_label_index[0]] * h[edge_label_index[1]]).sum(-1)


def exact(function: object, x: Tensor) -> Tensor:
    whole = torch.autograd.functional.jacobian(lambda value: function(value).reshape(len(function(value)), -1), x)
    return torch.linalg.vector_norm(whole.permute(0, 2, 1, 3).flatten(2), dim=2)


def test_graphs() -> None:
    torch.manual_seed(0)
    model, data = Pooled().double(), batch()
    probe = Probe(model, data)
    assert (probe.kind, probe.num_outputs, probe.output_rows) == ("graph", 3, None)
    expected = exact(lambda x: model(x, data.edge_index, data.batch), data.x)
    torch.testing.assert_close(probe.influence(), expected, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(probe.influence(outputs=torch.tensor([2])), expected[[2]], rtol=1e-12, atol=1e-15)
    assert probe.receptive_field(1).rows.tolist() == [7, 8, 9, 10, 11]
    with pytest.raises(ValueError, match="these are of graphs; choose them by outputs"):
        probe.influence(nodes=[0])


def test_one_graph_whose_model_requires_batch_is_given_zeros_and_says_so() -> None:
    torch.manual_seed(0)
    probe = Probe(Pooled().double(), graph(7, 13, 1))
    assert (probe.kind, probe.num_outputs) == ("graph", 1)
    assert "batch is given zeros: data is one graph" in repr(probe)


def test_pairs() -> None:
    torch.manual_seed(0)
    model, data = Pairs().double(), graph(7, 13, 1)
    data.edge_label_index = torch.tensor([[0, 1, 2, 5], [3, 3, 4, 6]])
    probe = Probe(model, data)
    assert (probe.kind, probe.num_outputs) == ("edge", 4)
    expected = exact(lambda x: model(x, data.edge_index, data.edge_label_index), data.x)
    torch.testing.assert_close(probe.influence(), expected, rtol=1e-12, atol=1e-15)
    field = probe.receptive_field(0)
    assert not field.is_measured, field.why
    own = [[0, 3], [1, 3], [2, 4], [5, 6]]
    assert [line.eq(0).nonzero()[:, 0].tolist() for line in probe.hops()] == own


def test_edges_and_what_an_edge_carries() -> None:
    torch.manual_seed(0)
    data = graph(7, 13, 1)
    model = pyg.GCN(3, 4, 2, 2).double()
    probe = Probe(model, data)
    found = probe.influence(wrt="edge_weight")
    whole = torch.autograd.functional.jacobian(lambda w: model(data.x, data.edge_index, w), data.edge_weight)
    torch.testing.assert_close(found, torch.linalg.vector_norm(whole, dim=1), rtol=1e-12, atol=1e-15)
    gine = pyg.GINEConv(nn.Linear(3, 2), edge_dim=2).double()
    found = Probe(gine, data).influence(wrt="edge_attr", norm="l1")
    whole = torch.autograd.functional.jacobian(lambda a: gine(data.x, data.edge_index, a), data.edge_attr)
    torch.testing.assert_close(found, whole.abs().sum(dim=(1, 3)), rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="wrt='edge_attr': the model is not given edge_attr"):
        Probe(Pooled().double(), data).influence(wrt="edge_attr")


def test_inner_states() -> None:
    torch.manual_seed(0)
    data = batch()
    model = pyg.GCN(3, 4, 3, 2).double()
    probe = Probe(model, data, states=["convs.*"])
    assert list(probe.states) == ["convs.0", "convs.1", "convs.2"]
    h = model.convs[0](data.x, data.edge_index, data.edge_weight).detach()

    def rest(h: Tensor) -> Tensor:
        h = model.convs[1](h.relu(), data.edge_index, data.edge_weight)
        return model.convs[2](h.relu(), data.edge_index, data.edge_weight)

    torch.testing.assert_close(probe.influence(wrt="convs.0"), exact(rest, h), rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match=r"wrt='convs.9' is no state of GCN; it has x, convs.0, convs.1, convs.2"):
        probe.influence(wrt="convs.9")
    with pytest.raises(ValueError, match=r"states='conv.\*' fits no module of GCN; nearest: "):
        Probe(model, data, states=["conv.*"])


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.GCNConv(3, 3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(self.conv(x, edge_index).tanh(), edge_index)


def test_a_layer_that_is_called_twice_has_two_states() -> None:
    torch.manual_seed(0)
    model, data = Twice().double(), batch()
    probe = Probe(model, data)
    assert list(probe.states) == ["conv[0]", "conv[1]"]
    h = model.conv(data.x, data.edge_index).detach()
    expected = exact(lambda h: model.conv(h.tanh(), data.edge_index), h)
    torch.testing.assert_close(probe.influence(wrt="conv[0]"), expected, rtol=1e-12, atol=1e-15)
    single = Probe(model.float(), data)
    for wrt in ("conv[0]", "conv[1]"):
        found = Probe(model, data, double=True).influence(wrt=wrt)
        torch.testing.assert_close(single.influence(wrt=wrt).double(), found, rtol=1e-4, atol=1e-6)


def test_answers_at_some_rows_by_a_mask() -> None:
    torch.manual_seed(0)
    model, data = pyg.GCN(3, 4, 2, 2).double(), batch()
    mask = torch.arange(16) % 3 == 0
    whole = Probe(model, data).influence()
    torch.testing.assert_close(Probe(model, data).influence(nodes=mask), whole[mask], rtol=1e-12, atol=1e-15)
    some = Probe(
        model, data, call=lambda m, x: m(x, data.edge_index, data.edge_weight)[mask], rows=mask.nonzero()[:, 0]
    )
    torch.testing.assert_close(some.influence(), whole[mask], rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(some.influence(nodes=[3]), whole[[3]], rtol=1e-12, atol=1e-15)
    with pytest.raises(ValueError, match="row 1 has no answer"):
        some.influence(nodes=[1])


def test_an_output_that_fits_several_kinds_or_none_is_refused() -> None:
    ring = Data(x=torch.randn(5, 3), edge_index=torch.stack([torch.arange(5), torch.arange(5).roll(1)]))
    with pytest.raises(
        ValueError, match=r"gave \(5, 3\) for 5 rows, 5 edges or pairs and 1 graphs, and it fits node and"
    ):
        Probe(lambda x, edge_index: x, ring)
    assert Probe(lambda x, edge_index: x, ring, output="node").kind == "node"
    with pytest.raises(ValueError, match=r"gave \(4, 3\) for 5 rows.*none of which it fits; say what it is: output="):
        Probe(lambda x, edge_index: x[:4], ring)
    with pytest.raises(ValueError, match="output='graph', but the model gave"):
        Probe(lambda x, edge_index: x, ring, output="graph")
    with pytest.raises(TypeError, match="the model gave dict with 'out'; answers are a floating tensor"):
        Probe(lambda x, edge_index: {"out": x}, ring)
    assert Probe(lambda x, edge_index: {"out": x[:, :1].sum()}, ring, output=lambda out: out["out"]).kind == "graph"


def test_what_a_model_requires_and_the_data_lacks_is_refused_by_name() -> None:
    data = Data(x=torch.randn(4, 3), edge_index=torch.tensor([[0, 1], [1, 2]]))
    with pytest.raises(ValueError, match=r"requires pos, which data lacks; it has edge_index, x. Add data.pos"):
        Probe(lambda x, pos, edge_index: x, data)
    with pytest.raises(ValueError, match="data has no x"):
        Probe(pyg.GCN(3, 4, 2), Data(edge_index=data.edge_index, num_nodes=3))
    with pytest.raises(ValueError, match="names no parameters"):
        Probe(lambda *args: args[0], data)


def test_what_the_data_carries_and_the_model_does_not_read_is_said() -> None:
    data = graph(7, 13, 1)
    words = repr(Probe(Twice().double(), data))
    assert "edge_attr of the data is not read by the model" in words
    assert "called as Twice(x=x, edge_index=edge_index)" in words
    assert "features is given x" in repr(Probe(lambda features, edge_index: features, data))


def test_data_of_other_types_is_refused_by_name() -> None:
    hetero = HeteroData()
    hetero["a"].x = torch.zeros(2, 1)
    with pytest.raises(TypeError, match="data is a HeteroData"):
        Probe(pyg.GCN(1, 2, 1), hetero)
    with pytest.raises(TypeError, match=r"data must be a graph .PyG Data or Batch, .* or a loader of these, got dict"):
        Probe(pyg.GCN(3, 2, 1), {"x": torch.zeros(2, 3)})
    with pytest.raises(
        TypeError, match=r"GCN reads a SpaceTimeGraph, and data is another graph, Data; make one: graphseq\.from_graph"
    ):
        Probe(gs.nn.GCN(3, 2, 1), graph(7, 13, 1))
    with pytest.raises(TypeError, match=r"nn.LSTM reads tensors: Probe\(model, x\)"):
        Probe(nn.LSTM(3, 2), gs.from_sequence(torch.zeros(4, 3)))


def test_a_batch_of_a_loader() -> None:
    torch.manual_seed(0)
    loader = DataLoader([graph(7, 13, 1), graph(5, 8, 2)], batch_size=2)
    data = next(iter(loader))
    model = pyg.GCN(3, 4, 2, 2).double()
    found = Probe(model, data).influence()
    parts = [Probe(model, each).influence() for each in data.to_data_list()]
    torch.testing.assert_close(found, torch.block_diag(*parts), rtol=1e-12, atol=1e-15)


def test_pooled_models_need_no_table_of_rows_by_rows() -> None:
    torch.manual_seed(0)
    members = [Data(x=each.x, edge_index=each.edge_index) for each in (graph(1500, 3000, seed) for seed in range(32))]
    many = Batch.from_data_list(members)  # 48,000 rows, of which a table has 2.3e9 entries
    found = Probe(Pooled().double(), many).influence()
    assert found.shape == (32, 48_000)
    assert not found[0, 1500:].any()
    ours = gs.nn.Model(gs.nn.GCN(3, 4, 1), 2, pool="mean").double()
    graphs = Batch.from_data_list([gs.from_graph(member) for member in members])
    assert Probe(ours, graphs).influence().shape == (32, 48_000)


def test_a_table_that_is_too_large_is_refused_and_a_sample_is_not() -> None:
    torch.manual_seed(0)
    large = graph(20_000, 40_000, 1)
    model = pyg.GCN(3, 4, 2, 2).double()
    with pytest.raises(TooLargeError, match="20000 × 20000 norms alone are above"):
        Probe(model, large).influence()
    assert Probe(model, large).by_hop(samples=8).value[2] > 0


class Writes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = pyg.GCNConv(3, 3)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x.mul_(2), edge_index)


def test_a_model_that_writes_to_its_input_is_measured_and_the_data_stays() -> None:
    torch.manual_seed(0)
    model, data = Writes().double(), graph(7, 13, 1)
    before = data.x.clone()
    probe = Probe(model, data)
    expected = exact(lambda x: model.conv(2 * x, data.edge_index), data.x)
    torch.testing.assert_close(probe.influence(), expected, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(probe.influence(), expected, rtol=1e-12, atol=1e-15)
    assert torch.equal(data.x, before)
    assert torch.equal(probe.x, before)


@pytest.mark.filterwarnings("ignore:Sparse")
def test_a_sparse_adjacency_is_the_edges() -> None:
    torch.manual_seed(0)
    data = graph(7, 13, 1)
    data = Data(x=data.x, edge_index=data.edge_index)
    model = pyg.GraphSAGE(3, 4, 2, 2).double()
    sparse = ToSparseTensor()(data.clone())
    probe = Probe(model, sparse)
    assert "edge_index is given adj_t" in probe.notes
    torch.testing.assert_close(probe.influence(), Probe(model, data).influence(), rtol=1e-12, atol=1e-15)
    field = probe.receptive_field(0)
    assert not field.is_measured, field.why
    assert torch.equal(field.rows, Probe(model, data).receptive_field(0).rows)


def test_features_that_are_no_tensor_are_refused() -> None:
    data = Data(x=torch.zeros(3, 1).numpy(), edge_index=torch.tensor([[0], [1]]))
    with pytest.raises(TypeError, match=r"data.x must be a torch.Tensor, got ndarray"):
        Probe(pyg.GCNConv(1, 1), data)


class Atoms(nn.Module):
    """An embedding for each column of integer features, summed."""

    def __init__(self) -> None:
        super().__init__()
        self.columns = nn.ModuleList([nn.Embedding(5, 4), nn.Embedding(5, 4)])

    def forward(self, x: Tensor) -> Tensor:
        return self.columns[0](x[:, 0]) + self.columns[1](x[:, 1])


class Molecule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.atoms, self.conv = Atoms(), pyg.GCNConv(4, 2)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(self.atoms(x), edge_index)


def test_the_output_of_a_module_may_be_the_input() -> None:
    torch.manual_seed(0)
    data = Data(x=torch.randint(0, 5, (4, 2)), edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]))
    model = Molecule().double()
    with pytest.raises(ValueError, match=r"no torch.nn.Embedding of the model reads them.*input='…'"):
        Probe(model, data)
    expected = exact(lambda h: model.conv(h, data.edge_index), model.atoms(data.x).detach())
    torch.testing.assert_close(Probe(model, data, input="atoms").influence(), expected, rtol=1e-12, atol=1e-15)


def test_models_of_this_library_are_held_to_the_reach_that_they_declare() -> None:
    signal = gs.from_signal(torch.randn(3, 4, 2), torch.tensor([[0, 1, 2], [1, 2, 3]]))
    torch.manual_seed(0)
    model = gs.nn.Model(gs.nn.GCNLSTM(2, 4), 2)
    field = Probe(model, signal).receptive_field(9)
    assert not field.is_measured
    assert field.rows.tolist() == model.reach(signal)[9].nonzero()[:, 0].tolist()


class Leaks(nn.Module):
    """The rows of one graph of a batch read one row of another."""

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        out = x.clone()
        out[13] = x[13] * x[2]
        return out


def test_a_row_that_reads_another_graph_of_its_batch_is_found_out() -> None:
    data = batch()
    expected = exact(lambda x: Leaks()(x, data.edge_index), data.x)
    assert float(expected[13, 2]) > 0
    torch.testing.assert_close(Probe(Leaks(), data).influence(), expected, rtol=1e-12, atol=1e-15)


def test_labels_that_a_model_may_be_given_are_not_given() -> None:
    def model(x: Tensor, edge_index: Tensor, y: Tensor | None = None) -> Tensor:
        return x if y is None else (x[:, 0] - y).square().mean()

    data = graph(7, 13, 1)
    data.y = torch.zeros(7)
    assert Probe(model, data).kind == "node"


def test_the_first_of_several_outputs_is_measured_and_that_is_said() -> None:
    data = graph(7, 13, 1)
    probe = Probe(lambda x, edge_index: (x, edge_index), data)
    assert "the first of 2 outputs is measured" in repr(probe)


NAN = torch.tensor([[0.0], [float("nan")]])


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        (NAN, ValueError, r"x\[1, 0\] is NaN"),
        (torch.zeros(0, 1), ValueError, r"data has no rows: x is \(0, 1\)"),
        (
            torch.zeros(2, 1, dtype=torch.complex64),
            TypeError,
            "x must hold real numbers or tokens, got torch.complex64",
        ),
        (torch.ones(2, 1, dtype=torch.bool), ValueError, r"x holds integers \(torch.bool\), and no torch.nn.Embedding"),
    ],
)
def test_features_that_cannot_be_varied_are_refused(x: Tensor, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Probe(pyg.GCNConv(1, 1), Data(x=x, edge_index=torch.zeros(2, 0, dtype=torch.long)))


def test_rows_are_named_by_one_number_several_or_a_mask_and_not_by_none() -> None:
    torch.manual_seed(0)
    probe = Probe(pyg.GCN(3, 4, 2, 2).double(), graph(7, 13, 1))
    assert torch.equal(probe.influence(nodes=3), probe.influence(nodes=[3]))
    for none in ([], torch.zeros(7, dtype=torch.bool)):
        with pytest.raises(ValueError, match="nodes names no row"):
            probe.influence(nodes=none)
    with pytest.raises(TypeError, match=r"nodes must be numbers of rows or a mask .* got 'first'"):
        probe.influence(nodes="first")
    with pytest.raises(ValueError, match=r"nodes must lie in 0 to 6, got \[-1\]"):
        probe.influence(nodes=-1)


class Passes(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *args: Tensor, **named: Tensor) -> Tensor:
        return self.inner(*args, **named)


def test_wrappers_that_pass_their_arguments_on_are_called_as_what_they_wrap() -> None:
    torch.manual_seed(0)
    model, data = pyg.GCN(3, 4, 2, 2).double(), graph(7, 13, 1)
    expected = Probe(model, data).influence()
    for wrapped in (nn.DataParallel(model), Passes(model)):
        torch.testing.assert_close(Probe(wrapped, data).influence(), expected, rtol=1e-12, atol=1e-15)


def test_parameters_without_a_size_are_refused() -> None:
    with pytest.raises(ValueError, match="GCNConv has parameters without a size yet; call it once"):
        Probe(pyg.GCNConv(-1, 2), graph(7, 13, 1))


def test_a_norm_of_pyg_is_one_state_though_it_wraps_one_of_torch() -> None:
    data = Data(x=torch.randn(4, 3), edge_index=torch.tensor([[0, 1, 2], [1, 2, 3]]))
    model = pyg.Sequential("x, edge_index", [(pyg.GCNConv(3, 4), "x, edge_index -> x"), pyg.BatchNorm(4)])
    assert Probe(model, data).over_layers("rank").states == ("x", "module_0", "module_1")
