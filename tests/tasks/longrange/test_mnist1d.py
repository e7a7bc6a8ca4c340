"""The reader of MNIST-1D admits numpy arrays and nothing else."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import graphseq as gs
from graphseq.tasks.longrange.mnist1d import read_mnist1d


def write(path: Path, **changes: object) -> Path:
    rng = np.random.default_rng(0)
    whole = {
        "x": rng.random((6, 5)),
        "y": np.arange(6) % 3,
        "x_test": rng.random((3, 5)),
        "y_test": np.arange(3),
        **changes,
    }
    path.write_bytes(pickle.dumps(whole))
    return path


def test_sequences_and_classes_are_those_of_the_file(tmp_path: Path) -> None:
    train, test = read_mnist1d(write(tmp_path / "data.pkl"))
    assert (len(train), len(test), train.out_channels, train.per_graph) == (6, 3, 3, True)
    graph = train.graphs(torch.tensor([4]))
    assert graph.x[:, 0].numpy() == pytest.approx(np.random.default_rng(0).random((6, 5))[4], abs=1e-6)
    assert graph.y.tolist() == [1]
    model = gs.nn.Model(gs.nn.GRU(1, 4), 3, pool="mean")
    assert model(test.graphs(torch.arange(3))).shape == (3, 3)


def test_shuffled_positions_are_one_order_for_all_sequences(tmp_path: Path) -> None:
    path = write(tmp_path / "data.pkl")
    plain, shuffled = read_mnist1d(path), read_mnist1d(path, shuffle_seed=1)
    order = torch.randperm(5, generator=torch.Generator().manual_seed(1))
    for before, after in zip(plain, shuffled, strict=True):
        graphs = [task.graphs(torch.arange(len(task))).x.view(len(task), 5) for task in (before, after)]
        assert torch.equal(graphs[0][:, order], graphs[1])


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("made_by_a_pickle"),)  # type: ignore[return-value]


def test_a_file_that_asks_for_anything_else_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="only numpy arrays are read"):
        read_mnist1d(write(tmp_path / "data.pkl", x=Hostile()))
    assert not (tmp_path / "made_by_a_pickle").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x": None}, "must hold an array of numbers as 'x'"),
        ({"y": np.array(["a"] * 6)}, "must hold an array of numbers as 'y'"),
        ({"y": np.zeros(5)}, r"must hold sequences \(N, 5\) and classes \(N,\)"),
        ({"x_test": np.zeros((3, 4))}, r"must hold sequences \(N, 5\)"),
    ],
)
def test_odd_contents_are_refused_by_name(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_mnist1d(write(tmp_path / "data.pkl", **changes))


@pytest.mark.parametrize("content", [b"", b"not a pickle", b"\x80\x04."])
def test_what_is_no_pickle_is_refused_by_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no pickle of numpy arrays"):
        read_mnist1d(path)
