"""Values that no argument should have, by a name for messages: each is made anew for each call."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import torch
from torch_geometric.data import Data

import graphseq as gs


class Unprintable:
    """An object that cannot be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("this object has no text")


class Sly:
    """An object that has a length and items, and raises at each of them."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: object) -> object:
        raise OSError("no item")


def _spoilt(change: Callable[[gs.SpaceTimeGraph], object]) -> Callable[[], gs.SpaceTimeGraph]:
    def make() -> gs.SpaceTimeGraph:
        graph = gs.from_signal(torch.ones(2, 3, 2), torch.tensor([[0, 1], [1, 2]]))
        change(graph)
        return graph

    return make


def _raise(*_: object) -> None:
    raise KeyError("from the given function")


VALUES: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "False": lambda: False,
    "numpy True": lambda: np.bool_(True),
    "0": lambda: 0,
    "-1": lambda: -1,
    "1": lambda: 1,
    "7": lambda: 7,
    "10**30": lambda: 10**30,
    "-(10**30)": lambda: -(10**30),
    "2**31": lambda: 2**31,
    "2**63": lambda: 2**63,
    "10**400": lambda: 10**400,
    "10**5000": lambda: 10**5000,
    "0.5": lambda: 0.5,
    "-0.5": lambda: -0.5,
    "1e308": lambda: 1e308,
    "1e-320": lambda: 1e-320,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "complex": lambda: 1 + 2j,
    "Decimal": lambda: Decimal("0.5"),
    "Fraction": lambda: Fraction(1, 3),
    "numpy int64": lambda: np.int64(3),
    "numpy float32": lambda: np.float32(0.5),
    "numpy nan": lambda: np.float64("nan"),
    "numpy array": lambda: np.ones((2, 3)),
    "numpy int32 array": lambda: np.array([[0, 1], [1, 2]], dtype=np.int32),
    "numpy big-endian": lambda: np.ones((5, 2), dtype=">f4"),
    "numpy backwards": lambda: np.ones((5, 2), dtype=np.float32)[::-1],
    "numpy texts": lambda: np.array(["a", "b"]),
    "numpy times": lambda: np.array(["2024-01-01"], dtype="datetime64[D]"),
    "numpy masked": lambda: np.ma.masked_greater(np.ones((5, 2)), 0.5),
    "numpy records": lambda: np.zeros(2, dtype=[("a", "f4")]),
    "data frame": lambda: pd.DataFrame({"a": [1.0, 2.0], "b": ["x", None]}),
    "series": lambda: pd.Series([1, None, 3], dtype="Int64"),
    "not a time": lambda: pd.NaT,
    "pandas NA": lambda: pd.NA,
    "date": lambda: datetime(2024, 1, 1),
    "path": lambda: Path("no such file"),
    "numpy objects": lambda: np.array([None, "a"], dtype=object),
    "empty text": lambda: "",
    "text": lambda: "abc",
    "no": lambda: "no",
    "digits": lambda: "3",
    "NUL": lambda: "\0",
    "日本": lambda: "日本",
    "surrogate": lambda: "\ud800",
    "escape": lambda: "\x1b[31m",
    "long text": lambda: "x" * 5000,
    "bytes": lambda: b"abc",
    "empty list": lambda: [],
    "list of None": lambda: [None],
    "list of ints": lambda: [1, 2],
    "list of negatives": lambda: [-1],
    "list of huge": lambda: [10**30],
    "list of nan": lambda: [math.nan],
    "list of texts": lambda: ["a", "b"],
    "list of empty lists": lambda: [[], []],
    "uneven lists": lambda: [[1], [1, 2]],
    "list of tensors": lambda: [torch.ones(2), torch.ones(3)],
    "tuple": lambda: (),
    "set": lambda: {1, 2},
    "empty dict": lambda: {},
    "dict": lambda: {"a": 1},
    "dict of None": lambda: {None: None},
    "range": lambda: range(3),
    "generator": lambda: (number for number in (1, 2)),
    "object": object,
    "class": lambda: int,
    "function": lambda: _raise,
    "lambda": lambda: lambda *_: None,
    "module": lambda: math,
    "timedelta": lambda: timedelta(days=1),
    "unprintable": Unprintable,
    "sly": Sly,
    "list of unprintables": lambda: [Unprintable()],
    "tensor 0-d": lambda: torch.tensor(1.0),
    "tensor 0-d int": lambda: torch.tensor(1),
    "tensor empty": lambda: torch.empty(0),
    "tensor (0, 2)": lambda: torch.empty(0, 2),
    "tensor (3,)": lambda: torch.ones(3),
    "tensor (5, 2)": lambda: torch.ones(5, 2),
    "tensor (12, 2)": lambda: torch.ones(12, 2),
    "tensor (2, 3)": lambda: torch.ones(2, 3),
    "tensor 4-d": lambda: torch.ones(1, 2, 3, 4),
    "tensor float64": lambda: torch.ones(12, 2, dtype=torch.float64),
    "tensor half": lambda: torch.ones(5, 2, dtype=torch.float16),
    "tensor nan": lambda: torch.full((5, 2), math.nan),
    "tensor nan (3,)": lambda: torch.full((3,), math.nan),
    "tensor inf": lambda: torch.full((12, 2), math.inf),
    "tensor ints": lambda: torch.tensor([0, 1]),
    "tensor uint8": lambda: torch.tensor([0, 1], dtype=torch.uint8),
    "tensor negative": lambda: torch.tensor([-1]),
    "tensor far": lambda: torch.tensor([10**15, 0]),
    "tensor edges far": lambda: torch.tensor([[0, 2**40], [1, 2]]),
    "tensor edges negative": lambda: torch.tensor([[0, -1], [1, 2]]),
    "tensor int64 min": lambda: torch.tensor([-(2**63)]),
    "tensor bool": lambda: torch.tensor([True, False]),
    "tensor bool (5,)": lambda: torch.zeros(5, dtype=torch.bool),
    "tensor bool (12,)": lambda: torch.zeros(12, dtype=torch.bool),
    "tensor complex": lambda: torch.ones(5, 2, dtype=torch.complex64),
    "tensor complex (2,)": lambda: torch.ones(2, dtype=torch.complex64),
    "tensor uint8 (5,)": lambda: torch.tensor([1, 0, 2, 1, 0], dtype=torch.uint8),
    "tensor int32": lambda: torch.tensor([0, 1], dtype=torch.int32),
    "tensor quantized": lambda: torch.quantize_per_tensor(torch.ones(3), 0.5, 0, torch.qint8),
    "tensor nested": lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
    "tensor conjugate": lambda: torch.ones(3, dtype=torch.complex64).conj(),
    "tensor (2, 0) of floats": lambda: torch.empty(2, 0),
    "tensor not contiguous": lambda: torch.ones(2, 5).t(),
    "parameter": lambda: torch.nn.Parameter(torch.ones(5, 2)),
    "tensor meta": lambda: torch.ones(5, 2, device="meta"),
    "tensor meta ints": lambda: torch.ones(2, 3, dtype=torch.long, device="meta"),
    "tensor meta (12, 2)": lambda: torch.ones(12, 2, device="meta"),
    "tensor sparse": lambda: torch.eye(5).to_sparse(),
    "tensor csr": lambda: _csr(),  # noqa: PLW0108 - defined below
    "tensor with gradient": lambda: torch.ones(5, 2, requires_grad=True),
    "plain module": lambda: torch.nn.Linear(2, 3),
    "meta module": lambda: gs.nn.LSTM(2, 3).to("meta"),
    "float64 module": lambda: gs.nn.Model(gs.nn.LSTM(2, 3), 2).double(),
    "encoder": lambda: gs.nn.GCN(2, 3),
    "task": lambda: gs.tasks.Transfer(2),
    "task class": lambda: gs.tasks.Transfer,
    "PyG Data": lambda: Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0], [1]])),
    "empty Data": Data,
    "networkx graph": lambda: nx.path_graph(3),
    "empty networkx graph": nx.Graph,
    "graph": _spoilt(lambda graph: None),
    "empty graph": gs.SpaceTimeGraph,
    "graph of no rows": lambda: gs.from_sequence(torch.empty(0, 2)),
    "graph of tokens": lambda: gs.from_sequence(torch.tensor([0, 1, 2])),
    "graph of far tokens": lambda: gs.from_sequence(torch.tensor([0, 10**9])),
    "graph in float64": lambda: gs.from_sequence(torch.ones(3, 2, dtype=torch.float64)),
    "graph with another width": lambda: gs.from_sequence(torch.ones(3, 7)),
    "graph on meta": lambda: gs.from_sequence(torch.ones(3, 2)).to(torch.device("meta")),
    "graph without targets": lambda: gs.from_sequence(torch.ones(3, 2), target=torch.zeros(3, dtype=torch.bool)),
    "graph without x": _spoilt(lambda graph: graph.__delattr__("x")),
    "graph with nan": _spoilt(lambda graph: graph.x.fill_(math.nan)),
    "graph with x of numpy": _spoilt(lambda graph: graph.__setattr__("x", np.ones((6, 2)))),
    "topology": lambda: gs.from_sequence(torch.ones(3, 2)).topology,
}


def _csr() -> torch.Tensor:
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.eye(5).to_sparse_csr()
