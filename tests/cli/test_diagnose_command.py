"""The command ``diagnose``: models and data from files, what it refuses by name, and what it writes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import networkx as nx
import pytest
import torch
from console import call, refusal
from torch_geometric.data import Batch, Data, InMemoryDataset
from torch_geometric.nn import GCN
from torch_geometric.transforms import RandomLinkSplit
from torch_geometric.utils import from_networkx

import graphseq as gs
from graphseq.cli.diagnose_files import load_data, load_model, loss_for

MODELS = """
import torch
from torch_geometric.nn import GCN
import helper_beside

def make():
    torch.manual_seed(0)
    return GCN(4, 8, helper_beside.LAYERS, 3)

def from_data(data):
    return GCN(data.num_features, 8, 2, 3)

def with_default(layers=1):
    return GCN(4, 8, layers, 3)

def two(a, b):
    return None

def broken():
    return 1 / 0

model = GCN(4, 8, 2, 3)
number = 3
"""


def graph() -> Data:
    data = from_networkx(nx.cycle_graph(12))
    g = torch.Generator().manual_seed(0)
    data.x, data.y = torch.randn(12, 4, generator=g), torch.randint(0, 3, (12,), generator=g)
    return data


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "helper_beside.py").write_text("LAYERS = 3\n")
    (tmp_path / "my_models.py").write_text(MODELS)
    torch.save(graph(), tmp_path / "data.pt")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("helper_beside", "my_models"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def test_the_same_model_is_found_under_every_kind_of_name(files: Path) -> None:
    data = load_data("data.pt")
    sizes = {
        word: len(load_model(f"my_models.py:{word}", data).convs)
        for word in ("make", "from_data", "with_default", "model")
    }
    assert sizes == {"make": 3, "from_data": 2, "with_default": 1, "model": 2}
    assert isinstance(load_model(f"{files / 'my_models.py'}:make", data), GCN)
    assert isinstance(load_model("torch.nn:Identity", data), torch.nn.Identity)


def test_every_kind_of_data_is_read(files: Path) -> None:
    one = graph()
    torch.save([one, one], "list.pt")
    torch.save({"x": one.x, "y": one.y, "edge_index": one.edge_index}, "dict.pt")
    torch.save({"x": torch.zeros(5, 3, 1), "y": torch.zeros(5)}, "sequences.pt")
    torch.save((torch.zeros(5, 3, 1), torch.zeros(5)), "pair.pt")
    two = Data(x=one.x[:2], y=one.y[:2], edge_index=torch.tensor([[0], [1]]), num_nodes=2)
    InMemoryDataset.save([one, two], "many.pt")
    InMemoryDataset.save([one], "single.pt")
    assert torch.equal(load_data("data.pt").edge_index, one.edge_index)
    assert len(load_data("list.pt")) == 2
    assert torch.equal(load_data("dict.pt").y, one.y)
    assert [tuple(part.shape) for part in load_data("sequences.pt")] == [(5, 3, 1), (5,)]
    assert [tuple(part.shape) for part in load_data("pair.pt")] == [(5, 3, 1), (5,)]
    first, second = load_data("many.pt")
    assert torch.equal(first.edge_index, one.edge_index)
    assert (second.num_nodes, second.edge_index.tolist()) == (2, [[0], [1]])
    assert torch.equal(load_data("single.pt").x, one.x)


def test_no_code_of_a_file_is_run_and_it_says_what_was_refused(files: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return Path.touch, (Path("trapped"),)

    torch.save(Trap(), "trap.pt")
    torch.save(Batch.from_data_list([graph(), graph()]), "batch.pt")
    Path("junk.pt").write_bytes(b"hello")
    Path("empty.pt").write_bytes(b"")
    torch.save({"a": 1}, "odd.pt")
    torch.save(Data(x=torch.zeros(2, 1)), "unanswered.pt")
    torch.save(3, "three.pt")
    for name, words in {
        "trap.pt": "DATA trap.pt",
        "batch.pt": "DATA batch.pt holds a PyG Batch, which is not read without running code; save batch.to_data",
        "junk.pt": "DATA junk.pt cannot be read as a file of torch.save",
        "empty.pt": "DATA empty.pt cannot be read as a file of torch.save",
        "odd.pt": "DATA odd.pt holds a dict of a; it must have the tensors x and y",
        "unanswered.pt": "DATA: unanswered.pt has no y, a tensor; a diagnosis needs inputs and answers",
        "three.pt": "DATA three.pt holds a int; it must be a PyG Data or a list of them",
        "none.pt": "none.pt: No such file or directory",
        ".": "DATA . is a folder; name a file of torch.save in it",
    }.items():
        assert words in refusal(call("diagnose", "my_models.py:make", name)), name
    assert not Path("trapped").exists()


def test_pairs_with_labels_are_read_from_the_dict_of_a_split_and_have_their_loss(files: Path) -> None:
    train = RandomLinkSplit(0.2, 0.0, is_undirected=True, add_negative_train_samples=True)(graph())[0]
    torch.save(train, files / "split.pt")
    with pytest.raises(ValueError, match=r"cached beside the data, which is not read; save data\.to_dict\(\)"):
        load_data(files / "split.pt")
    del train.y
    torch.save(train.to_dict(), files / "pairs.pt")
    data = load_data(files / "pairs.pt")
    assert torch.equal(data.edge_label_index, train.edge_label_index)
    assert loss_for(None, data)[0] == "binary_cross_entropy_with_logits"


def test_a_saved_space_time_graph_is_data_like_any_other(files: Path) -> None:
    torch.save(gs.from_graph(graph()), "own.pt")
    found = [
        json.loads(call("diagnose", "my_models.py:make", name, "--steps", "0", "--json").out)
        for name in ("data.pt", "own.pt")
    ]
    assert found[0]["finding"] == found[1]["finding"]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("my_models.py", "MODEL must be FILE.py:NAME or package.module:NAME, got 'my_models.py'"),
        ("none.py:make", "MODEL: there is no file none.py"),
        ("my_models.py:mak", "MODEL: my_models.py has no 'mak'; it has GCN, make, from_data"),
        (
            "my_models.py:two",
            "MODEL my_models.py:two needs a, b; name a function without arguments, or of the data alone",
        ),
        ("my_models.py:number", "must be a torch.nn.Module, or give one when called; got int"),
        ("my_models.py:broken", "MODEL my_models.py:broken, line 20: ZeroDivisionError: division by zero"),
        ("builtins:dict", "MODEL builtins:dict must give a torch.nn.Module, got dict"),
        ("no_such_package:make", "MODEL no_such_package: ModuleNotFoundError: No module named 'no_such_package'"),
        ("wrong.py:make", "MODEL wrong.py, line 2: SyntaxError"),
        ("raises.py:make", "MODEL raises.py, line 1: KeyError: 'x'"),
    ],
)
def test_models_that_cannot_be_made_are_refused_with_their_place(files: Path, word: str, words: str) -> None:
    Path("wrong.py").write_text("a = 1\ndef (:\n")
    Path("raises.py").write_text("{}['x']\n")
    assert words in refusal(call("diagnose", word, "data.pt"))


def test_weights_are_loaded_or_refused_by_the_first_that_does_not_fit(files: Path) -> None:
    torch.save(GCN(4, 8, 3, 3).state_dict(), "right.pt")
    torch.save(GCN(4, 8, 2, 3).state_dict(), "fewer.pt")
    torch.save(GCN(4, 9, 3, 3).state_dict(), "wider.pt")
    words = ("diagnose", "my_models.py:make", "data.pt", "--steps", 0, "--quiet", "--weights")
    assert "--weights fewer.pt does not fit the model: convs.2." in refusal(call(*words, "fewer.pt"))
    assert "in the model" in refusal(call(*words, "wider.pt"))
    assert "--weights data.pt must hold a state_dict" in refusal(call(*words, "data.pt"))


@pytest.mark.parametrize(
    ("y", "name"),
    [
        (torch.tensor([0, 1, 2]), "cross_entropy"),
        (torch.tensor([0.5, 1.0]), "mse_loss"),
        (torch.tensor([[0.0, 1.0]]), "binary_cross_entropy_with_logits"),
        (torch.tensor([True, False]), "binary_cross_entropy_with_logits"),
    ],
)
def test_the_loss_is_that_of_the_answers(y: torch.Tensor, name: str) -> None:
    for data in (Data(y=y), [Data(y=y)], (torch.zeros(1), y)):
        assert loss_for(None, data)[0] == name
    assert loss_for("l1_loss", Data(y=y)) == ("l1_loss", torch.nn.functional.l1_loss)


@pytest.mark.slow
def test_it_prints_and_writes_what_it_found(files: Path) -> None:
    words = ("diagnose", "my_models.py:make", "data.pt", "--steps", 0)
    said = call(*words, "--out", "report")
    assert said.status == 0
    assert "confidence" in said.out.splitlines()[0]
    assert "loss: cross_entropy" in said.err
    assert sorted(file.name for file in Path("report").iterdir()) == ["diagnosis.json", "report.html", "report.pdf"]
    record = json.loads(Path("report/diagnosis.json").read_text())
    assert record["figures"]["layers"]["names"] == ["features", "convs.0", "convs.1", "convs.2"]
    assert record["command"] == "python -m graphseq diagnose my_models.py:make data.pt --steps 0 --out report"
    assert "my_models.py:make on data.pt" in Path("report/report.html").read_text()
    again = call(*words, "--json", "--quiet")
    assert json.loads(again.out)["finding"] == record["finding"]
    assert again.err == ""
    assert "--out report already holds report.html, report.pdf, diagnosis.json" in refusal(
        call(*words, "--out", "report")
    )
    assert call(*words, "--out", "report", "--overwrite").status == 0
    assert "--overwrite is about files; it needs --out" in refusal(call(*words, "--overwrite"))
