"""Checkpoints: whole or refused, of this very run or refused, and nothing in them is executed."""

from __future__ import annotations

import io
import os
import pickle
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq import fit
from graphseq.nn import GCN, GCNLSTM, LSTM, MLP, RNN, Model
from graphseq.tasks import Characters, Palindrome, Task, Transfer
from graphseq.training import checkpoint


def build(encoder: Callable[[], gs.nn.Encoder] = lambda: GCN(10, 4, 2), **more: object) -> Model:
    torch.manual_seed(0)
    return Model(encoder(), 10, **more)


def train(path: Path, model: nn.Module | None = None, task: Task | None = None, **settings: object) -> gs.History:
    settings = {"steps": 3, "batch_size": 4, "optimizer": "Adam", "checkpoint_path": path, **settings}
    return fit(model or build(), task or Transfer(3), **settings)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    train(tmp_path / "run.pt")
    return tmp_path / "run.pt"


def weights(model: nn.Module) -> list[Tensor]:
    return [value.clone() for value in model.state_dict().values()]


def refused(path: Path, message: str, model: nn.Module | None = None, task: Task | None = None, **more: object) -> None:
    """Going on is refused with this message; model and file stay as they were."""
    model = model or build()
    before, raw = weights(model), path.read_bytes()
    with pytest.raises(ValueError, match=message):
        train(path, model, task, resume=True, **more)
    assert all(torch.equal(a, b) for a, b in zip(weights(model), before, strict=True))
    assert path.read_bytes() == raw
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda: build(lambda: MLP(10, 4)), "model.structure was .*GCN.*, now .*MLP"),
        (lambda: build(lambda: GCN(10, 5, 2)), "model.structure was "),
        (lambda: build(lambda: GCN(10, 4, 3)), "model.structure was "),
        (lambda: build(lambda: GCN(10, 4, 2, residual=True)), "encoder.residual was False, now True"),
        (lambda: build(lambda: GCN(10, 4, 2, causal=True)), "encoder.causal was False, now True"),
        (lambda: build(lambda: GCN(10, 4, 2, norm=lambda _: nn.Dropout(0.1))), "model.structure was "),
        (lambda: build(transform=gs.transforms.grow), r"settings.*transform was None, now 'graphseq\.[\w.]+\.grow'"),
        (lambda: build(pool="mean"), "model.structure was "),
        (lambda: build().double(), "was 'float32 .*, now 'float64 "),
        (lambda: build().requires_grad_(False).requires_grad_(True), None),
        (lambda: frozen(build()), "model.not trained was \\[\\], now \\['head"),
    ],
    ids=["MLP", "wider", "deeper", "residual", "causal", "dropout", "transform", "pool", "double", "same", "frozen"],
)
def test_that_of_another_model_is_refused(path: Path, model: Callable[[], Model], message: str | None) -> None:
    if message is None:
        assert train(path, model(), resume=True, steps=4).steps == 4
    else:
        refused(path, message, model())


def frozen(model: Model) -> Model:
    model.head.requires_grad_(False)
    return model


def test_another_share_of_dropout_is_refused(tmp_path: Path) -> None:
    models = [build(lambda p=p: GCN(10, 4, 2, norm=lambda _: nn.Dropout(p))) for p in (0.1, 0.2)]
    train(tmp_path / "run.pt", models[0])
    refused(tmp_path / "run.pt", "model.structure was ", models[1])


def test_other_families_of_the_same_weights_are_told_apart(tmp_path: Path) -> None:
    train(tmp_path / "run.pt", build(lambda: LSTM(10, 4)))
    refused(tmp_path / "run.pt", "model.structure was .*LSTM", build(lambda: GCNLSTM(10, 4)))
    refused(tmp_path / "run.pt", "model.structure was .*LSTM", build(lambda: RNN(10, 16)))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (lambda: Transfer(4), "task.length was 3, now 4"),
        (lambda: Transfer(3, shape="ring"), "task.shape was 'path', now 'ring'"),
        (lambda: Palindrome(3), "task.task was 'Transfer', now 'Palindrome'"),
    ],
    ids=["length", "shape", "kind"],
)
def test_that_of_another_task_is_refused(path: Path, task: Callable[[], Task], message: str) -> None:
    refused(path, message, task=task())


@pytest.mark.parametrize(
    ("name", "then", "now"),
    [
        ("batch_size", "4", 5),
        ("optimizer", "'Adam'", "SGD"),
        ("lr", "0.001", 0.002),
        ("clip", "10.0", 1.0),
        ("seed", "0", 1),
        ("stop_threshold", "1.0", None),
        ("stop_window", "100", 50),
        ("record_gradients", "False", True),
    ],
)
def test_that_of_other_settings_is_refused(path: Path, name: str, then: str, now: object) -> None:
    refused(path, f"{name} was {then}, now {now!r}", **{name: now})


def test_one_written_before_gradients_were_kept_goes_on_without_them(path: Path) -> None:
    whole, state = train(path, resume=True, steps=5), torch.load(path)
    del state["history"]["gradients"], state["history"]["config"]["record_gradients"]
    torch.save(state, path)
    refused(path, "record_gradients was False, now True", record_gradients=True)
    assert train(path, resume=True, steps=5).loss == whole.loss
    assert train(path, resume=True, steps=6).steps == 6


def test_recorded_gradients_are_not_given_up_midway(tmp_path: Path) -> None:
    train(tmp_path / "run.pt", record_gradients=True)
    refused(tmp_path / "run.pt", "record_gradients was True, now False")


def test_other_settings_of_ones_own_optimiser_are_refused(tmp_path: Path) -> None:
    train(tmp_path / "run.pt", optimizer=lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.5))
    refused(tmp_path / "run.pt", "optimizer was ", optimizer=lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9))


def test_a_text_with_other_letters_is_refused(tmp_path: Path) -> None:
    def model() -> Model:
        return Model(MLP(3, 4), 3)

    train(tmp_path / "run.pt", model(), Characters("abcabc", 2))
    refused(tmp_path / "run.pt", "task.alphabet was 'abc', now 'abd'", model(), Characters("abdabd", 2))


def test_more_steps_are_no_other_run(path: Path) -> None:
    assert train(path, resume=True, steps=7, checkpoint_every=2).steps == 7


def test_one_cut_short_anywhere_is_refused(path: Path) -> None:
    raw = path.read_bytes()
    cuts = {0, 1, 2, 4, 30, len(raw) // 2, len(raw) - 1, len(raw) - 22}
    for cut in sorted(cuts | set(random.Random(0).sample(range(len(raw)), 40))):  # noqa: S311
        path.write_bytes(raw[:cut])
        refused(path, "run.pt is not a whole checkpoint")


def test_one_with_a_byte_changed_is_refused_or_the_same(path: Path) -> None:
    raw, model = path.read_bytes(), build()
    history = train(path, model, resume=True)
    places = random.Random(1).sample(range(len(raw)), 80)  # noqa: S311
    for place in places:
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 0x55]) + raw[place + 1 :])
        other = build()
        try:
            found = train(path, other, resume=True)
        except ValueError:
            continue
        assert found == history
        assert all(torch.equal(a, b) for a, b in zip(weights(other), weights(model), strict=True))


class Shout:
    """Unpickled, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.folder),)


def saved(value: object, **how: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **how)
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("run/data.pkl", b"nothing")
    return file.getvalue()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0",
        b"garbage",
        b"\x80",
        b"PK\x03\x04",
        bytes(range(256)) * 20,
        random.Random(0).randbytes(5000),  # noqa: S311
        zipped(),
        pickle.dumps({"format": "graphseq checkpoint 1"}),
        pickle.dumps([1, 2]),
        pickle.dumps(print),
        saved(torch.zeros(2)),
        saved({"format": "graphseq checkpoint 0"}),
        saved({"format": "graphseq checkpoint 1"}),
        saved({"format": "graphseq checkpoint 1", "history": {}, "model": {}, "optimizer": {}}),
        saved({"format": "graphseq checkpoint 1", "history": 3, "model": {}, "optimizer": {}}),
        saved({"format": "graphseq checkpoint 1", "history": {"losses": 3}, "model": {}, "optimizer": {}}),
        saved({"format": "graphseq checkpoint 1", "history": 3, "model": {}, "optimizer": [1]}),
        saved(MLP(2, 2)),
        saved(MLP(2, 2).state_dict(), _use_new_zipfile_serialization=False),
    ],
    ids="abcdefghijklmnopqrst",  # archives hold the time, so that their bytes are no names
)
def test_what_is_no_checkpoint_is_refused(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.pt").write_bytes(raw)
    refused(tmp_path / "run.pt", "run.pt ")


@pytest.mark.parametrize("pack", [pickle.dumps, saved], ids=["pickle", "torch"])
def test_nothing_in_one_is_executed(pack: Callable[[object], bytes], tmp_path: Path) -> None:
    folder = tmp_path / "made"
    (tmp_path / "run.pt").write_bytes(pack({"format": "graphseq checkpoint 1", "model": Shout(folder)}))
    with pytest.raises(ValueError, match=r"run.pt is not a whole checkpoint"):
        train(tmp_path / "run.pt", resume=True)
    assert not folder.exists()


def test_what_does_not_fit_the_optimiser_leaves_the_weights(path: Path) -> None:
    history = train(path, resume=True)
    model = build()
    before = weights(model)
    with pytest.raises(ValueError, match="parameter group"):
        checkpoint.load(path, model, torch.optim.Adam(model.head.parameters()), history.config)
    assert all(torch.equal(a, b) for a, b in zip(weights(model), before, strict=True))


def half(value: object, file: io.BufferedWriter) -> None:
    file.write(b"half of it")
    raise OSError(28, "No space left on device")


def test_a_write_that_fails_midway_leaves_the_old_one_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = path.read_bytes()
    with monkeypatch.context() as context:
        context.setattr(torch, "save", half)
        with pytest.raises(OSError, match="No space left"):
            train(path, resume=True, steps=5)
    assert path.read_bytes() == raw
    assert os.listdir(path.parent) == [path.name]
    assert train(path, resume=True, steps=5).steps == 5


def test_a_rename_that_fails_leaves_the_old_one_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    raw = path.read_bytes()
    with monkeypatch.context() as context:
        context.setattr(os, "replace", fails)
        with pytest.raises(PermissionError):
            train(path, resume=True, steps=5)
    assert path.read_bytes() == raw
    assert os.listdir(path.parent) == [path.name]
