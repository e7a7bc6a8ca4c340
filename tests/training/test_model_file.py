"""A model that was saved is built again with the same outputs; no file runs code, and what does not fit is refused."""

from __future__ import annotations

import copy
import pickle
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch_geometric.nn import GATConv, GraphNorm

import graphseq as gs
from graphseq._torch import archive
from graphseq.training.model_file import FORMAT

nn_ = gs.nn


class Own(nn_.Encoder):
    def __init__(self, in_channels: int, hidden_channels: int, *, bias: bool = True, **options: float) -> None:
        super().__init__(in_channels, hidden_channels, causal=True)
        self.lin, self.options = nn.Linear(in_channels, hidden_channels, bias), options

    def encode(self, graph: gs.SpaceTimeGraph, x: torch.Tensor) -> torch.Tensor:
        return self.lin(x)

    def reach(self, graph: gs.SpaceTimeGraph, rows: torch.Tensor) -> torch.Tensor:
        return torch.eye(graph.num_rows, dtype=torch.bool)[rows]


def halved(in_channels: int, out_channels: int) -> nn.Module:
    return nn_.GCNConv(in_channels, out_channels)


ENCODERS = {
    "gcn": lambda: nn_.GCN(2, 4, 3, residual=True, norm=nn.LayerNorm, jk="cat", causal=True),
    "pairnorm": lambda: nn_.GCN(2, 4, norm=nn_.PairNorm),
    "gat": lambda: nn_.GCN(2, 4, conv=partial(GATConv, heads=2, concat=False)),
    "graphnorm": lambda: nn_.GCN(2, 4, norm=GraphNorm),
    "gcn_lstm": lambda: nn_.GCNLSTM(2, 4, 2, convolve="input", peepholes=True),
    "lru": lambda: nn_.LRU(2, 4),
    "wave": lambda: nn_.WaveGCN(2, 4, speed=1.0),
    "bidirectional": lambda: nn_.Bidirectional(nn_.LSTM, 2, 4),
    "checkpointed": lambda: nn_.GradientCheckpointed(nn_.LSTM(2, 4), 2),
    "transformer": lambda: nn_.Transformer(2, 4),
}


def data() -> gs.SpaceTimeGraph:
    x = torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0))
    return gs.from_signal(x, torch.tensor([[0, 1], [1, 2]]))


def saved(model: nn.Module, tmp_path: Path) -> Path:
    return gs.save(model, tmp_path / "model.pt")


@pytest.mark.parametrize("name", ENCODERS)
def test_a_loaded_model_is_the_saved_one(name: str, tmp_path: Path) -> None:
    model = nn_.Model(ENCODERS[name](), 3).eval()
    state = torch.get_rng_state()
    loaded = gs.load(saved(model, tmp_path))
    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(loaded(data()), model(data()))
    assert repr(loaded) == repr(model)
    assert not loaded.training


def test_transforms_heads_pools_and_number_types_are_kept(tmp_path: Path) -> None:
    for number, model in enumerate(
        [
            nn_.Model(nn_.GCN(2, 4), 3, transform=gs.transforms.to_undirected),
            nn_.Model(nn_.DAGRNN(2, 4), 3, transform=gs.transforms.unroll_time),
            nn_.Model(nn_.RNN(2, 4), 3, pool="mean"),
            nn_.Model(nn_.RNN(2, 4), 3, head=nn_.RowHead),
            nn_.Model(nn_.GRU(2, 4), 3).double(),
        ]
    ):
        graph = data().to(next(model.parameters()).dtype)
        loaded = gs.load(gs.save(model, tmp_path / f"{number}.pt"))
        assert torch.equal(loaded(graph), model(graph))


def test_an_encoder_alone_and_one_of_a_users_own(tmp_path: Path) -> None:
    own = nn_.Model(nn_.GCN(2, 4, conv=halved), 1)
    with pytest.raises(ValueError, match=r"halved, a class or function that is not graphseq's; .* classes=\[halved\]"):
        gs.load(gs.save(own, tmp_path / "halved.pt"))
    assert torch.equal(gs.load(tmp_path / "halved.pt", classes=[halved])(data()), own(data()))
    encoder = Own(2, 4, bias=False, scale=2.0)
    loaded = gs.load(saved(encoder, tmp_path), classes=[Own])
    assert isinstance(loaded, Own)
    assert loaded.options == {"scale": 2.0}
    assert torch.equal(loaded(data()), encoder(data()))


def test_a_model_that_cannot_be_described_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    with pytest.raises(TypeError, match=r"conv of GCN cannot be described as plain data.*lambda"):
        gs.save(nn_.GCN(2, 4, conv=lambda a, b: nn_.GCNConv(a, b)), path)  # noqa: PLW0108 - no name is the point
    with pytest.raises(TypeError, match="model must be a"):
        gs.save(nn.Linear(2, 2), path)  # type: ignore[type-var]
    changed = nn_.Model(nn_.RNN(2, 4), 3)
    changed.head = nn_.RowHead(4, 5)
    with pytest.raises(ValueError, match=r"changed after it was built.*head\.lin\.weight"):
        gs.save(changed, path)
    assert not path.exists()
    gs.save(nn_.RNN(2, 4), path)
    with pytest.raises(FileExistsError):
        gs.save(nn_.RNN(2, 4), path)
    gs.save(nn_.LSTM(2, 4), path, overwrite=True)
    assert isinstance(gs.load(path), nn_.LSTM)


class Evil:
    def __reduce__(self) -> object:
        return Path.touch, (Path("evil"),)


@pytest.mark.parametrize(
    "recipe",
    [
        {"class": "torch.hub.load", "arguments": {}},
        {"class": "os.system", "arguments": {"command": "true"}},
        {"class": "graphseq.nn.importlib", "arguments": {}},
        {"class": "graphseq.nn.linear_scan", "arguments": {}},
        {"class": "torch.nn.functional.relu", "arguments": {}},
        {"class": "torch.nn.Linear", "arguments": {"in_features": 1, "out_features": 1}},
        {"name": "graphseq.nn.RNN"},
        {"class": "graphseq.nn.RNN"},
        {"class": "graphseq.nn.RNN", "arguments": {"in_channels": -1, "hidden_channels": 2}},
        {"class": "graphseq.nn.RNN", "arguments": {"in_channels": 1, "hidden_channels": 2, "other": 2}},
        {"partial": "graphseq.nn.RNN", "arguments": {}},
        None,
        [],
    ],
)
def test_a_recipe_that_graphseq_would_not_write_builds_nothing(recipe: object, tmp_path: Path) -> None:
    content = {"format": FORMAT, "recipe": recipe, "weights": {}, "version": gs.__version__}
    path = archive.write(tmp_path / "model.pt", content, overwrite=False)
    with pytest.raises(ValueError, match=r"holds what this version cannot build"):
        gs.load(path)


def test_files_of_another_kind_are_refused_and_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    evil = tmp_path / "evil.pt"
    torch.save({"format": FORMAT, "recipe": Evil(), "weights": {}, "version": ""}, evil)
    (tmp_path / "plain").write_bytes(pickle.dumps(Evil()))
    torch.save({"w": torch.zeros(1)}, tmp_path / "weights.pt")
    for name, message in (("evil.pt", "not a whole"), ("plain", "not a whole"), ("weights.pt", r"graphseq\.save")):
        with pytest.raises(ValueError, match=message):
            gs.load(tmp_path / name)
    assert not (tmp_path / "evil").exists()
    model, task = nn_.Model(nn_.RNN(10, 4), 10), gs.tasks.Palindrome(3)
    gs.fit(model, task, steps=1, checkpoint_path=tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="checkpoint of fit, which goes on from it by resume"):
        gs.load(tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"is a folder; name a file written by graphseq\.save"):
        gs.load(tmp_path)


def test_a_file_with_a_changed_bit_or_other_weights_is_refused(tmp_path: Path) -> None:
    path = saved(nn_.RNN(2, 4), tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(ValueError, match=r"model\.pt"):
            gs.load(path)
    recipe = {"class": "graphseq.nn.RNN", "arguments": {"in_channels": 2, "hidden_channels": 4}}
    for weights, message in (({}, "lacks the weight"), (nn_.RNN(2, 5).state_dict(), r"as float32 \(5, 2\)")):
        content = {"format": FORMAT, "recipe": recipe, "weights": weights, "version": ""}
        with pytest.raises(ValueError, match=message):
            gs.load(archive.write(path, content, overwrite=True))


def test_a_copy_is_saved_like_its_model_and_an_unpickled_model_is_refused(tmp_path: Path) -> None:
    model = nn_.Model(nn_.GCN(2, 4, conv=partial(GATConv, heads=2, concat=False)), 3).eval()
    assert torch.equal(gs.load(gs.save(copy.deepcopy(model), tmp_path / "copy.pt"))(data()), model(data()))
    with pytest.raises(TypeError, match="as they are not after a pickle; got Model"):
        gs.save(pickle.loads(pickle.dumps(model)), tmp_path / "pickled.pt")  # noqa: S301 - of our own making
