"""The diagnosis of any model: the same finding however it is wrapped, on tasks, graphs of PyG, and sequences."""

from __future__ import annotations

import json

import torch

import graphseq as gs
from graphseq import nn
from graphseq.tasks import Transfer


def test_too_few_layers_are_under_reaching_and_cost_no_training() -> None:
    torch.manual_seed(0)
    found = gs.diagnose(nn.Model(nn.GCN(10, 8, 4), 10), Transfer(9, shape="ring"))
    assert found.finding == "under-reaching"
    assert found.evidence.structure.hops_reached == 4
    assert found.evidence.trials == ()
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["finding"] == "under-reaching"
