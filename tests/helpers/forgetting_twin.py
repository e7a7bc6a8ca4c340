"""A twin of the GCN-LSTM that forgets, by loops over dictionaries, and encoders to hold against it."""

import math

import pytest
import torch
from randomgraphs import with_x
from torch import Tensor, nn

import graphseq as gs
from graphseq.nn import ForgettingGCNLSTM, GateValues
from graphseq.nn.recurrent.forgetting import Forget, ForgetGates

D, H = 2, 3
KINDS: list[Forget] = ["nodes", "edges", "both"]
each_kind = pytest.mark.parametrize("forget", KINDS)
each_way = pytest.mark.parametrize("accumulate", [False, True], ids=["by the step", "accumulated"])
Pairs = dict[tuple[int, int], Tensor]


def built(
    forget: Forget = "both", layers: int = 1, *, accumulate: bool = False, gate_penalty: float = 0
) -> ForgettingGCNLSTM:
    """With gates that are spread over (0, 1), not near 1 as at first."""
    torch.manual_seed(0)
    encoder = ForgettingGCNLSTM(D, H, layers, forget=forget, accumulate=accumulate, gate_penalty=gate_penalty).double()
    with torch.no_grad():
        for weight in encoder.gates.parameters():
            weight.normal_()
    return encoder


def kept_all(forget: Forget = "both", layers: int = 1, *, accumulate: bool = False) -> ForgettingGCNLSTM:
    encoder = built(forget, layers, accumulate=accumulate)
    for score in (encoder.gates.node, encoder.gates.edge):
        if score is not None:
            nn.init.zeros_(score.weight)
            nn.init.constant_(score.bias, 40.0)
    return encoder


def gate(gates: ForgetGates, h_j: Tensor, h_i: Tensor) -> float:
    assert gates.edge is not None
    hidden = (gates.source.weight @ h_j + gates.target.weight @ h_i + gates.target.bias).tanh()
    return float((gates.edge.weight[0] @ hidden + gates.edge.bias[0]).sigmoid().detach())


class Naive:
    """The equations with dictionaries: states by layer and node, products by node and by pair of nodes."""

    def __init__(self, encoder: ForgettingGCNLSTM) -> None:
        self.encoder, self.zero = encoder, torch.zeros(H, dtype=torch.float64)
        self.h: dict[tuple[int, int], Tensor] = {}
        self.c: dict[tuple[int, int], Tensor] = {}
        self.kept: dict[object, float] = {}

    def lasting(self, key: object, value: float) -> float:
        if self.encoder.accumulate:
            self.kept[key] = value = value * self.kept.get(key, 1.0)
        return value

    def gates_of(self, nodes: list[int], edges: list[tuple[int, int]]) -> tuple[dict[int, float], Pairs]:
        gates, top = self.encoder.gates, self.encoder.num_layers - 1
        h = {i: self.h.get((top, i), self.zero) for i in nodes}
        k = dict.fromkeys(nodes, 1.0)
        if gates.node is not None:
            k = {i: self.lasting(i, float((gates.node.weight[0] @ h[i] + gates.node.bias[0]).sigmoid())) for i in nodes}
        of_pairs = dict.fromkeys({(j, i) for j, i in edges if j != i}, 1.0)
        if gates.edge is not None:
            of_pairs = {(j, i): self.lasting((j, i), gate(gates, h[j], h[i])) for j, i in of_pairs}
        return k, of_pairs

    def step(self, x: dict[int, Tensor], edges: list[tuple[int, int, float]]) -> tuple[dict[int, float], Pairs]:
        k, of_pairs = self.gates_of(list(x), [(j, i) for j, i, _ in edges])
        tilde = {(i, i): 1.0 for i in x} | {(i, j): w for j, i, w in edges if i == j}
        for j, i, w in edges:
            if i != j:
                tilde[i, j] = tilde.get((i, j), 0.0) + k[i] * k[j] * of_pairs[j, i] * w
        degree = {i: sum(w for (a, _), w in tilde.items() if a == i) for i in x}
        hat = {(i, j): w / math.sqrt(degree[i] * degree[j]) if w else 0.0 for (i, j), w in tilde.items() if degree[j]}
        for number, layer in enumerate(self.encoder.layers):
            old = {i: self.h.get((number, i), self.zero) for i in x}
            for i, own in x.items():
                ax = sum((hat.get((i, j), 0.0) * x[j] for j in x), torch.zeros_like(own))
                ah = sum((hat.get((i, j), 0.0) * old[j] for j in x), self.zero)
                a = layer.conv_x.lin.weight @ ax + layer.conv_h.lin.weight @ ah + layer.conv_x.bias + layer.conv_h.bias
                i_, f, g, o = a.chunk(4)
                c = f.sigmoid() * self.c.get((number, i), self.zero) + i_.sigmoid() * g.tanh()
                self.c[number, i], self.h[number, i] = c, o.sigmoid() * c.tanh()
            x = {i: self.h[number, i] for i in x}
        return k, of_pairs


@torch.no_grad()
def naive(encoder: ForgettingGCNLSTM, graph: gs.SpaceTimeGraph) -> tuple[Tensor, GateValues]:
    """States of the rows, and gates of rows and edges."""
    spatial, node, time = graph.topology.spatial, graph.node.tolist(), graph.time.tolist()
    ends = spatial.edge_index.t().tolist()
    weight = [1.0] * len(ends) if spatial.edge_weight is None else spatial.edge_weight.tolist()
    loop, out = Naive(encoder), torch.zeros(len(node), H, dtype=torch.float64)
    k, own, factor = torch.ones(len(node)), torch.ones(len(ends)), torch.ones(len(ends))
    for moment in sorted(set(time)):
        rows = [row for row, when in enumerate(time) if when == moment]
        edges = [(number, j, i) for number, (j, i) in enumerate(ends) if time[j] == moment]
        named = [(node[j], node[i], weight[number]) for number, j, i in edges]
        of_nodes, of_pairs = loop.step({node[row]: graph.x[row].double() for row in rows}, named)
        for row in rows:
            out[row], k[row] = loop.h[encoder.num_layers - 1, node[row]], of_nodes[node[row]]
        for number, j, i in edges:
            if i != j:
                own[number] = of_pairs[node[j], node[i]]
                factor[number] = own[number] * k[i] * k[j]
    return out, GateValues(k, own, factor)


def agree(encoder: ForgettingGCNLSTM, graph: gs.SpaceTimeGraph) -> None:
    graph = with_x(graph, graph.x.double())
    states, kept = naive(encoder, graph)
    torch.testing.assert_close(encoder(graph), states, rtol=0, atol=1e-10)
    found = encoder.gate_values(graph)
    for ours, theirs in ((found.node, kept.node), (found.edge, kept.edge), (found.factor, kept.factor)):
        torch.testing.assert_close(ours, theirs.double(), rtol=0, atol=1e-6)
