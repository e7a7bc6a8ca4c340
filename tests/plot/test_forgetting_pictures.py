"""Figures of gates: opacity is the gate, absent nodes are not drawn, and titles count."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from PIL import Image
from randomgraphs import draw
from torch import Tensor

import graphseq as gs
from graphseq.nn import GateValues
from graphseq.plot import animate_forgetting, draw_gates, save_animation
from graphseq.plot._gates import ABSENT, OPEN, PLANTED

# Nodes 0, 2 and 5 at times 1, 3 and 4; node 5 is away at 3. Edges 0 ⇄ 2 and 2 → 5, a loop at 0, and none at 4.
NODE = torch.tensor([0, 2, 5, 0, 2, 5, 2, 0])
TIME = torch.tensor([1, 1, 1, 3, 3, 4, 4, 4])
EDGES = torch.tensor([[0, 1, 1, 0, 3], [1, 0, 2, 0, 4]])
GRAPH = gs.SpaceTimeGraph(torch.zeros(8, 1), NODE, TIME, EDGES)
GATES = GateValues(
    node=torch.tensor([0.9, 0.4, 0.0, 1.0, 0.6, 0.3, 0.2, 0.1]),
    edge=torch.ones(5),
    factor=torch.tensor([0.3, 0.8, 0.05, 1.0, 0.7]),
)
IRRELEVANT = (NODE == 5, torch.tensor([False, False, True, False, False]))
PLACES = {0: (0.0, 0.0), 2: (4.0, 0.0), 5: (4.0, 3.0)}


def frame(moving: FuncAnimation, number: int) -> tuple[LineCollection, PathCollection]:
    """Edges and nodes of a frame."""
    moving._draw_was_started = True  # it is not written here
    lines, dots = moving._func(number)
    return lines, dots


def moving(**options: object) -> FuncAnimation:
    return animate_forgetting(GRAPH, GATES, positions=PLACES, **options)


def alphas(collection: LineCollection | PathCollection) -> list[float]:
    return collection.get_edgecolor()[:, 3].tolist()


def test_an_edge_is_as_opaque_as_what_its_weight_is_multiplied_with() -> None:
    lines, _ = frame(moving(), 0)
    assert alphas(lines) == pytest.approx([0.3, 0.8, 0.05])  # and no loop
    there, back, alone = lines.get_segments()
    assert np.allclose(alone, [[4, 0], [4, 3]])  # no edge back: it stays in the middle
    # 0 → 2 lies to the right of its way, beneath the axis, and 2 → 0 as far above.
    assert there[0][1] == there[1][1] < 0 < back[0][1] == back[1][1]
    assert there[0][1] == pytest.approx(-back[0][1])
    lines, _ = frame(moving(), 1)
    assert alphas(lines) == pytest.approx([0.7])
    lines, _ = frame(moving(), 2)
    assert not lines.get_segments()


def test_a_node_is_as_opaque_as_its_gate_and_not_drawn_while_away() -> None:
    expected = [
        ([0, 2, 5], [0.9, 0.4, 0.0]),
        ([0, 2], [1.0, 0.6]),
        ([5, 2, 0], [0.3, 0.2, 0.1]),
    ]
    for number, (nodes, gates) in enumerate(expected):
        _, dots = frame(moving(), number)
        assert dots.get_offsets().tolist() == [list(PLACES[node]) for node in nodes]
        assert dots.get_facecolor()[:, 3].tolist() == pytest.approx(gates)
        assert {to_hex(colour) for colour in dots.get_facecolor()} == {OPEN.lower()}
        assert alphas(dots) == [1.0] * len(nodes)  # the rim stays


def test_a_white_disc_lies_beneath_every_node() -> None:
    _, dots = frame(moving(), 1)
    disc = next(each for each in dots.axes.collections if isinstance(each, PathCollection) and each is not dots)
    assert disc.get_offsets().tolist() == dots.get_offsets().tolist()
    assert disc.get_facecolor().tolist() == [[1, 1, 1, 1]]
    assert disc.get_zorder() < dots.get_zorder()


def test_titles_count_what_is_below_a_half() -> None:
    titles = [frame(moving(), number)[1].axes.get_title() for number in range(3)]
    assert titles == [
        "time 1: 2 of 3 edges, 2 of 3 nodes below ½",
        "time 3: 0 of 1 edges, 0 of 2 nodes below ½",
        "time 4: 0 of 0 edges, 3 of 3 nodes below ½",
    ]
    named = moving(times=["Mon", "Tue", "Wed"])
    assert frame(named, 2)[1].axes.get_title().startswith("Wed: ")
    assert list(named.new_frame_seq()) == [0, 1, 2]


def test_what_was_planted_is_drawn_apart() -> None:
    lines, dots = frame(moving(irrelevant=IRRELEVANT), 0)
    assert [to_hex(colour) == PLANTED.lower() for colour in lines.get_edgecolor()] == [False, False, True]
    assert [to_hex(colour) == PLANTED.lower() for colour in dots.get_edgecolor()] == [False, False, True]
    assert [text.get_text() for text in dots.figure.legends[0].get_texts()] == ["irrelevant node", "irrelevant edge"]
    assert alphas(lines) == pytest.approx([0.3, 0.8, 0.05])
    assert not frame(moving(), 0)[1].figure.legends


def names(animation: FuncAnimation) -> dict[str, tuple[float, float]]:
    texts = frame(animation, 0)[1].axes.texts
    assert len({text.get_va() for text in texts}) == 1, "all within, or all beneath"
    return {text.get_text(): text.xy for text in texts}


def test_every_node_has_its_name_also_while_it_is_away() -> None:
    assert names(moving()) == {"0": PLACES[0], "2": PLACES[2], "5": PLACES[5]}
    called = names(moving(names=["A", "-", "Bács-Kiskun", "-", "-", "C"]))
    assert called == {"A": PLACES[0], "Bács-Kiskun": PLACES[2], "C": PLACES[5]}


def test_without_places_the_layout_is_always_the_same_and_of_all_edges_that_ever_are() -> None:
    one, two = (names(animate_forgetting(GRAPH, GATES)) for _ in range(2))
    assert one == two
    far = max(np.hypot(*np.subtract(one[a], one[b])) for a, b in (("0", "2"), ("2", "5")))
    assert np.hypot(*np.subtract(one["0"], one["5"])) > far  # two hops


def test_a_file_has_a_frame_a_time_and_frames_do_not_move(tmp_path: Path) -> None:
    before = plt.get_fignums()
    animation = moving(times=["short", "a title that is a good deal longer", "x"], figsize=(4, 3))
    path = save_animation(tmp_path / "a.gif", animation, dpi=50)
    with Image.open(path) as image:
        assert (image.n_frames, image.size) == (3, (200, 150))
    axes = frame(animation, 0)[1].axes
    spots = [frame(animation, number)[1].axes.get_position().bounds for number in range(3)]
    assert spots == [axes.get_position().bounds] * 3
    assert plt.get_fignums() == before


@pytest.mark.parametrize("seed", range(5))
def test_gates_of_a_model_are_drawn_as_they_are(seed: int) -> None:
    graph = draw(seed, directed=True, times=3)
    torch.manual_seed(seed)
    kept = gs.nn.ForgettingGCNLSTM(2, 4).double().gate_values(graph)
    animation = animate_forgetting(graph, kept, figsize=(2, 2))
    edges = graph.topology.spatial.edge_index
    for number, time in enumerate(graph.topology.times):
        lines, dots = frame(animation, number)
        assert dots.get_facecolor()[:, 3].tolist() == pytest.approx(kept.node[graph.time == time].tolist())
        mine = graph.time[edges[0]] == time
        assert alphas(lines) == pytest.approx(kept.factor[mine].tolist())


# draw_gates


def gates(**options: object) -> Axes:
    return draw_gates(Figure().subplots(), GRAPH, GATES, **options)


def test_a_line_a_pair_and_a_column_a_time_the_most_kept_on_top() -> None:
    axes = gates()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["2 → 0", "0 → 2", "2 → 5"]
    shown = np.ma.filled(axes.images[0].get_array(), np.nan)
    nan = np.nan
    np.testing.assert_allclose(shown, [[0.8, nan, nan], [0.3, 0.7, nan], [0.05, nan, nan]], atol=1e-7)
    assert axes.get_title() == "50% of all gates are below ½"
    assert axes.get_ylabel() == "3 edges"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1", "3", "4"]
    assert to_rgb(axes.get_facecolor()) == to_rgb(ABSENT)


def test_a_line_a_node() -> None:
    axes = gates(of="nodes", names="abcdef", times=["Mon", "Tue", "Wed"])
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "c", "f"]
    shown = np.ma.filled(axes.images[0].get_array(), np.nan)
    np.testing.assert_allclose(shown, [[0.9, 1.0, 0.1], [0.4, 0.6, 0.2], [0.0, np.nan, 0.3]], atol=1e-7)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Mon", "Tue", "Wed"]


@pytest.mark.parametrize("of", ["edges", "nodes"])
@pytest.mark.parametrize("many", [False, True])
def test_a_stripe_marks_what_was_planted_and_is_upon_nothing(of: str, many: bool) -> None:
    graph, kept, irrelevant = GRAPH, GATES, IRRELEVANT
    if many:  # no names beside the lines, and what was planted is what is kept least
        graph = gs.from_signal(torch.zeros(2, 50, 1), torch.tensor([[*range(49)], [*range(1, 50)]]))
        kept = GateValues(torch.arange(100) / 100, torch.ones(98), torch.arange(98) / 98)
        irrelevant = (graph.node < 9, graph.node[graph.topology.spatial.edge_index[0]] < 9)
    figure = Figure(figsize=(9, 7), layout="constrained")
    axes = draw_gates(figure.subplots(), graph, kept, of=of, irrelevant=irrelevant)
    stripe = next(each for each in axes.collections if each.get_gid() == "irrelevant")
    spans = [segment[:, 1].tolist() for segment in stripe.get_segments()]
    lines = range(49 if of == "edges" else 50) if many else range(3)
    planted = list(lines)[-9:] if many else [2]
    assert spans == [[line - 0.5, line + 0.5] for line in planted]
    assert axes.get_ylabel().endswith(f"{of} (stripe: irrelevant)")
    figure.draw_without_rendering()
    (middle, _), half = stripe.get_transform().transform((0, 0)), stripe.get_linewidth()[0] / 2 * figure.dpi / 72
    written = [axes.yaxis.label, *axes.get_yticklabels()]
    assert all(0 < text.get_window_extent().x1 < middle - half for text in written)
    assert middle + half < axes.get_window_extent().x0


def test_the_title_compares_what_is_irrelevant_with_the_rest() -> None:
    assert gates(irrelevant=IRRELEVANT).get_title() == "mean gate: irrelevant 0.05, others 0.60"
    none = (torch.zeros(8, dtype=torch.bool), torch.zeros(5, dtype=torch.bool))
    assert gates(irrelevant=none).get_title() == "50% of all gates are below ½"


def test_a_picture_can_be_saved() -> None:
    file = io.BytesIO()
    gates().figure.savefig(file, format="png", dpi=40)
    assert file.getvalue().startswith(b"\x89PNG")


def marks(rows: int, edges: int, kind: torch.dtype = torch.bool) -> tuple[Tensor, Tensor]:
    return torch.zeros(rows, dtype=kind), torch.zeros(edges, dtype=torch.bool)


@pytest.mark.parametrize("picture", [animate_forgetting, lambda *a, **k: draw_gates(Figure().subplots(), *a, **k)])
@pytest.mark.parametrize(
    ("kept", "options", "message"),
    [
        (replace(GATES, node=torch.ones(3)), {}, r"gates.node must have shape \(8,\) for this graph, got \(3,\)"),
        (replace(GATES, factor=torch.ones(9)), {}, r"gates.factor must have shape \(5,\) for this graph, got \(9,"),
        (replace(GATES, node=GATES.node + 0.2), {}, r"gates.node\[0\] is 1.1.*; a gate lies between 0 and 1"),
        (replace(GATES, factor=GATES.factor * torch.nan), {}, r"gates.factor\[0\] is nan; a gate lies between"),
        (GATES, {"irrelevant": marks(3, 5)}, r"irrelevant must mark 8 rows by bool of shape \(8,\), got torch.bool"),
        (GATES, {"irrelevant": marks(8, 3)}, r"irrelevant must mark 5 edges by bool of shape \(5,\)"),
        (GATES, {"irrelevant": marks(8, 5, torch.long)}, "irrelevant must mark 8 rows .* got torch.int64"),
        (GATES, {"names": ["a", "b"]}, "names must have an entry for each node, at least 6 of them, got 2"),
        (GATES, {"times": ["a", "b"]}, "times must have an entry for each distinct time, 3 of them, got 2"),
    ],
)
def test_what_does_not_fit_is_named(picture: object, kept: GateValues, options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        picture(GRAPH, kept, **options)  # type: ignore[operator]


def test_what_is_too_much_or_nothing_is_named() -> None:
    large = gs.from_signal(torch.zeros(1, 201, 1), torch.zeros(2, 0).long())
    kept = GateValues(torch.ones(201), torch.ones(0), torch.ones(0))
    with pytest.raises(ValueError, match="graph must have 1 to 200 nodes to be legible, got 201; see draw_gates"):
        animate_forgetting(large, kept)
    with pytest.raises(ValueError, match="graph has no edges between different nodes; the gates of nodes can be drawn"):
        draw_gates(Figure().subplots(), large, kept)
    assert draw_gates(Figure().subplots(), large, kept, of="nodes").get_ylabel() == "201 nodes"
    with pytest.raises(ValueError, match="of must be one of edges, nodes; got 'rows'"):
        gates(of="rows")
    with pytest.raises(ValueError, match="positions must place every node; node 5 has none"):
        animate_forgetting(GRAPH, GATES, positions={0: (0, 0), 2: (1, 1)})
