"""Reports: what they measure against Jacobians by hand, what they draw, and pages that are whole and escaped."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path

import matplotlib.image
import networkx as nx
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch_geometric.data import Data
from torch_geometric.nn import GCN, GCNConv, global_mean_pool
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq import reach
from graphseq.reach.diagnosis.problem import Sample
from graphseq.reach.diagnosis.rows import Rows
from graphseq.reach.diagnosis.subject import Subject
from graphseq.reach.report.figures import _around_zero, figure
from graphseq.reach.report.html import html
from graphseq.reach.report.inputs import point
from graphseq.reach.report.page import Page, measure, plain
from graphseq.reach.report.pdf import pdf
from graphseq.reach.report.words import Words, visible

F64 = torch.float64


def sample_of(graph: nx.Graph, features: int = 3, classes: int = 2, *, whole: bool = False) -> Sample:
    graph = nx.convert_node_labels_to_integers(graph)
    index = from_networkx(graph).edge_index if graph.number_of_edges() else torch.zeros(2, 0, dtype=torch.long)
    count, g = len(graph), torch.Generator().manual_seed(0)
    owner = torch.zeros(count, dtype=torch.long)
    answers = 1 if whole else count
    rows = Rows(index, owner, None if whole else torch.arange(count), torch.zeros(answers, dtype=torch.long))
    x = torch.randn(count, features, dtype=F64, generator=g)
    y = torch.randint(0, classes, (answers,), generator=g)
    return Sample(x, y, lambda model, x: model(x, index), None, rows)


def subject_of(model: nn.Module, sample: Sample) -> Subject:
    return Subject(model.double().eval(), sample, F.cross_entropy)


def gcn(graph: nx.Graph, layers: int = 3) -> Subject:
    torch.manual_seed(0)
    return subject_of(GCN(3, 8, layers, 2), sample_of(graph))


def words(page: Page, title: str = "Diagnosis of GCN") -> Words:
    table, sentences = (("a name", "1.0"),), ("One.", "Two.", "Three.")
    return Words(title, "over-smoothing", 0.8, sentences, table, ("do it",), (), page.notes)


def test_influence_is_the_frobenius_norm_of_the_jacobian() -> None:
    subject = gcn(nx.barbell_graph(4, 2))
    page = measure(subject)
    x = point(subject.sample, torch.Generator().manual_seed(0))
    block = torch.autograd.functional.jacobian(lambda x: subject.sample.run(subject.model, x), x)  # (K, C, V, F)
    norms = block.square().sum(dim=(1, 3)).sqrt()
    assert page.influence is not None
    torch.testing.assert_close(page.influence, norms[page.answer][page.field.rows])
    hops = subject.sample.rows.hops(torch.arange(10))
    expected = [float(torch.where(hops == h, norms, 0.0).sum(dim=1).mean()) for h in range(int(hops.max()) + 1)]
    assert page.by_hop is not None
    assert (page.measured, page.by_hop.tolist()) == (10, pytest.approx(expected))


def test_one_linear_channel_lies_on_the_closed_form() -> None:
    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.ModuleList(GCNConv(1, 1, bias=False) for _ in range(4))

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            for conv in self.convs:
                x = conv(x, edge_index)
            return torch.cat([x, -x], dim=1)

    page = measure(subject_of(Linear(), sample_of(nx.path_graph(9), features=1)))
    assert page.depth == 4
    assert page.by_hop is not None
    assert page.closed_form is not None
    torch.testing.assert_close(page.by_hop, page.closed_form)
    assert page.by_hop[5:].tolist() == [0.0] * (len(page.by_hop) - 5)


def test_layers_are_measured_and_gradients_are_those_by_hand() -> None:
    subject = gcn(nx.cycle_graph(8), layers=2)
    page, sample = measure(subject), subject.sample
    assert page.layers is not None
    assert page.layers.names == ("features", "convs.0", "convs.1")
    x = point(sample, torch.Generator().manual_seed(0)).requires_grad_()
    first = subject.model.convs[0](x, sample.rows.edges)
    last = subject.model.convs[1](first.relu(), sample.rows.edges)
    loss = F.cross_entropy(last, sample.y)
    for found, state in zip(page.layers.gradient, (x, first, last), strict=True):
        (gradient,) = torch.autograd.grad(loss, state, retain_graph=True)
        assert found == pytest.approx(float(gradient.square().sum() / 8) ** 0.5)
    graph = Data(edge_index=sample.rows.edges, num_nodes=8)
    for found, state in zip(page.layers.smoothness["Rayleigh quotient of Â"], (x, first, last), strict=True):
        assert found == pytest.approx(reach.rayleigh_quotient(state.detach(), graph))


def test_the_bottleneck_is_the_bridge() -> None:
    page = measure(gcn(nx.barbell_graph(5, 0)))
    assert page.curvature is not None
    assert float(page.curvature.value.min()) == pytest.approx(-1.2)
    record = plain(page)
    assert record["bottlenecks"][0] == {"source": 4, "target": 5, "curvature": pytest.approx(-1.2)}  # type: ignore[index]


def test_curvatures_of_one_size_are_as_strong_on_both_sides_of_zero() -> None:
    cmap, norm = _around_zero(np.array([-0.2, 0.0, 1.0]))
    whole = matplotlib.colormaps["coolwarm_r"]
    for value, place in ((1.0, 1.0), (0.0, 0.5), (-0.2, 0.4)):
        assert np.allclose(cmap(norm(value)), whole(place), atol=0.02)
    assert (norm.vmin, norm.vmax) == (-0.2, 1.0)


def test_the_same_subject_gives_the_same_page_and_stays_as_it_is() -> None:
    subject = gcn(nx.karate_club_graph())
    before = {name: value.clone() for name, value in subject.model.state_dict().items()}
    state, modes = torch.get_rng_state(), [module.training for module in subject.model.modules()]
    pages = [measure(subject), measure(subject)]
    assert plain(pages[0]) == plain(pages[1])
    assert torch.equal(torch.get_rng_state(), state)
    assert [module.training for module in subject.model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in subject.model.state_dict().items())
    assert not any(module._forward_hooks for module in subject.model.modules())


SIZES = {"1": nx.empty_graph(1), "5": nx.path_graph(5), "50": nx.star_graph(49), "no edges": nx.empty_graph(7)}


@pytest.mark.parametrize("graph", SIZES.values(), ids=SIZES)
def test_graphs_of_any_size_are_drawn(graph: nx.Graph) -> None:
    page = measure(gcn(graph))
    drawn = figure(page)
    drawn.canvas.draw()
    assert len(drawn.axes) >= 5
    if not graph.number_of_edges():
        assert page.bottlenecks is None
        assert "the graph has no edges, and so no bottlenecks" in page.notes


@pytest.mark.slow
def test_of_a_large_graph_the_nearest_rows_are_drawn() -> None:
    page = measure(gcn(nx.random_geometric_graph(1000, 0.06, seed=1)))
    assert (len(page.field.rows), page.field.total) == (300, 1000)
    assert int((page.field.rows == page.target).sum()) == 1
    figure(page).canvas.draw()


def test_of_answers_of_whole_graphs_the_distance_is_to_the_states_of_rows_and_that_is_said() -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gcn = GCN(3, 4, 2)
            self.out = nn.Linear(4, 2)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.out(global_mean_pool(self.gcn(x, edge_index), None))

    page = measure(subject_of(Pooled(), sample_of(nx.cycle_graph(6), whole=True)))
    assert (page.target, page.state, page.measured) == (None, "gcn.convs.1", 6)
    assert page.influence is not None
    assert any("that on the last state of single rows, gcn.convs.1" in note for note in page.notes)
    drawn = figure(page)
    drawn.canvas.draw()
    assert "on the states of rows after gcn.convs.1" in drawn.axes[2].get_title()
    assert drawn.axes[2].get_xlabel() == "hops to the row"


def test_influence_on_a_state_is_that_of_the_layers_before_it() -> None:
    class Pooled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.out = GCNConv(3, 4, bias=False), nn.Linear(4, 2)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.out(global_mean_pool(self.conv(x, edge_index).relu(), None))

    torch.manual_seed(0)
    model = Pooled()
    page = measure(subject_of(model, sample_of(nx.cycle_graph(6), whole=True)))
    norm = float(torch.linalg.matrix_norm(model.conv.lin.weight.detach()))
    assert page.by_hop is not None
    assert page.closed_form is not None
    assert page.by_hop.tolist() == pytest.approx([norm / 3, 2 * norm / 3, 0, 0])  # all entries of Â are 1 / 3
    assert page.closed_form.tolist() == pytest.approx(page.by_hop.tolist())


def test_integer_inputs_are_exchanged() -> None:
    class Tokens(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.conv = nn.Embedding(4, 8), GCNConv(8, 2)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.conv(self.table(x), edge_index)

    sample = sample_of(nx.path_graph(6))
    tokens = replace(sample, x=torch.tensor([0, 1, 2, 3, 0, 1]))
    page = measure(subject_of(Tokens(), tokens))
    assert page.influence is not None
    near = (sample.rows.hops(torch.tensor([page.answer]))[0] <= 1)[page.field.rows]
    assert torch.equal(page.influence > 0, near)
    assert any(note.startswith("inputs are integers") for note in page.notes)


def test_a_model_that_answers_a_constant_has_no_influence_and_no_gradient() -> None:
    class Constant(nn.Module):
        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return torch.zeros(len(x), 2, dtype=x.dtype)

    page = measure(subject_of(Constant(), sample_of(nx.path_graph(4))))
    assert page.influence is not None
    assert page.influence.tolist() == [0.0] * 4
    figure(page).canvas.draw()


def test_html_is_whole_and_escaped(tmp_path: Path) -> None:
    page = measure(gcn(nx.path_graph(5)))
    text = html(words(page, "<script>alert('$x$')</script>\x1b[31m & \u202eabc"), page)
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;$x$&#x27;)&lt;/script&gt;\\x1b[31m &amp; \\u202eabc" in text
    assert not re.search(r"(src|href)='(?!data:)|https?:", text)
    pictures = re.findall(r"src='data:image/png;base64,([^']+)'", text)
    assert len(pictures) == 5
    for number, picture in enumerate(pictures):
        file = tmp_path / f"{number}.png"
        file.write_bytes(base64.b64decode(picture))
        pixels = matplotlib.image.imread(file)
        assert pixels.shape[0] > 300
        assert pixels[..., :3].std() > 0.01


@pytest.mark.slow
def test_names_with_dollars_and_control_characters_are_drawn() -> None:
    page = measure(gcn(nx.path_graph(5)))
    odd = words(page, "a $_$ b \x00 \x1b[1m")
    assert visible("a $_$ b \x00 \x1b[1m") == "a $_$ b \\x00 \\x1b[1m"
    assert pdf(odd, page).startswith(b"%PDF")
    assert page.layers is not None
    names = ("features", "cost $_$", "100%$", "\x1b")
    figure(replace(page, layers=replace(page.layers, names=names))).canvas.draw()


@pytest.mark.slow
def test_a_long_text_takes_further_pages() -> None:
    page = measure(gcn(nx.path_graph(3)))
    table = tuple((f"name {i}", "1") for i in range(100))
    long = Words("t", "f", 0.5, ("s " * 400,), table, (), (), ())
    made = [pdf(long, page) for _ in range(2)]
    assert b"/Count 3" in made[0]  # two of text, one of figures
    assert made[0] == made[1]


@pytest.mark.slow
def test_a_diagnosis_is_a_report(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = gs.nn.Model(gs.nn.GCN(10, 8, num_layers=3), 10)
    found = reach.diagnose(model, gs.tasks.Transfer(length=9, shape="ring"), steps=0)
    with torch.no_grad():
        next(model.parameters()).zero_()  # what happens to the model later does not change its report
    page = found.page
    assert page.influence is not None
    assert int((page.influence > 0).sum()) == 7  # 3 hops to either side, of 16
    written = [found.to_html(tmp_path / "report.html"), found.to_pdf(tmp_path / "report.pdf")]
    assert [file.stat().st_size > 10_000 for file in written] == [True, True]
    assert "Under-reaching" in written[0].read_text()
    for write in (found.to_html, found.to_pdf):
        with pytest.raises(FileExistsError, match="is already there; choose another name"):
            write(written[0])
    found.to_html(written[0], overwrite=True)
    with pytest.raises(ValueError, match="this diagnosis has no model and no data of which figures could be drawn"):
        _ = replace(found, subject=None).page
