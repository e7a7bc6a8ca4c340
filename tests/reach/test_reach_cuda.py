"""Probes on a CUDA device give what they give on the CPU, in both precisions, and leave its random state."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from models import MODELS, batch, build
from torch import nn

from graphseq.reach import Probe

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
    pytest.mark.filterwarnings("ignore:.*can be accelerated via the 'torch-scatter' package:UserWarning"),
]

SEQUENCES: dict[str, Callable[[], nn.Module]] = {
    "LSTM": lambda: nn.LSTM(3, 4, batch_first=True, bidirectional=True),
    "Transformer": lambda: nn.TransformerEncoderLayer(3, 1, 8, batch_first=True),
}


@pytest.mark.parametrize("name", MODELS)
def test_influence_of_a_pyg_model(name: str) -> None:
    expected = Probe(build(name), batch()).influence()
    state = torch.cuda.get_rng_state()
    found = Probe(build(name).cuda(), batch()).influence()  # the data is taken to the model's device
    assert found.is_cuda
    torch.testing.assert_close(found.cpu(), expected, rtol=1e-8, atol=1e-11)
    assert torch.equal(torch.cuda.get_rng_state(), state)


@pytest.mark.parametrize("name", ["GCN", "GAT", "SAGE", "GIN"])
def test_in_float32(name: str) -> None:
    expected = Probe(build(name), batch()).influence()
    found = Probe(build(name).float().cuda(), batch().cuda()).influence()
    torch.testing.assert_close(found.cpu().double(), expected, rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("name", SEQUENCES)
def test_influence_of_a_sequence_model(name: str) -> None:
    torch.manual_seed(0)
    model, x = SEQUENCES[name]().double(), torch.randn(2, 5, 3, dtype=torch.float64)
    expected = Probe(model, x).influence()
    torch.testing.assert_close(Probe(model.cuda(), x).influence().cpu(), expected, rtol=1e-8, atol=1e-11)


def test_the_other_measurements() -> None:
    here, there = Probe(build("GCN"), batch()), Probe(build("GCN").cuda(), batch())
    torch.testing.assert_close(there.by_hop().value.cpu(), here.by_hop().value, rtol=1e-8, atol=1e-11)
    torch.testing.assert_close(there.range().node.cpu(), here.range().node, rtol=1e-8, atol=1e-11)
    for measure in ("dirichlet", "rank"):
        torch.testing.assert_close(there.over_layers(measure)[measure].cpu(), here.over_layers(measure)[measure])
    assert there.receptive_field(0).rows.tolist() == here.receptive_field(0).rows.tolist()
    assert not there.receptive_field(0).is_measured
