"""Checkpoints: whole or refused, of this very run or refused, and nothing in them is executed."""

from __future__ import annotations

import hashlib
import io
import math
import os
import pickle
import random
import resource
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import graphseq as gs
from graphseq import fit
from graphseq.nn import GCN, GCNLSTM, LSTM, MLP, RNN, Model
from graphseq.tasks import Characters, Palindrome, Task, Transfer
from graphseq.training import checkpoint, checkpoint_file


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


def test_one_with_any_bit_changed_is_refused(path: Path) -> None:
    """Of some places of the archive's own records torch would make numbers that nobody wrote."""
    raw, dice = path.read_bytes(), random.Random(1)  # noqa: S311
    records = [place for name in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06") for place in places(raw, name)]
    attributes = [place + 38 for place in places(raw, b"PK\x01\x02")]  # external ones: bit 4 is that of a folder
    for place in [
        *dice.sample(records, 20),
        *attributes,
        *dice.sample(range(len(raw)), 60),
        len(raw) - 1,
        len(raw) - 80,
    ]:
        path.write_bytes(
            raw[:place]
            + bytes([raw[place] ^ 1 << (4 if place in attributes else dice.randrange(8))])
            + raw[place + 1 :]
        )
        with pytest.raises(ValueError, match=r"run.pt is not a whole checkpoint"):
            checkpoint_file.read(path)
    path.write_bytes(raw)
    assert len(checkpoint_file.read(path)["history"]["loss"]) == 3


def places(raw: bytes, name: bytes) -> list[int]:
    """The first 22 bytes of each of an archive's records of a kind."""
    found, start = [], raw.find(name)
    while start >= 0:
        found += [start + offset for offset in range(22)] if name != b"PK\x01\x02" else [start]
        start = raw.find(name, start + 1)
    return found


def test_its_last_bytes_are_the_checksum_of_all_before_and_torch_reads_it(path: Path) -> None:
    raw = path.read_bytes()
    assert raw[-80:] == b"graphseq sha256 " + hashlib.sha256(raw[:-64]).hexdigest().encode()
    assert zipfile.ZipFile(path).comment == raw[-80:]
    assert torch.load(path, weights_only=True)["format"] == "graphseq checkpoint 1"
    assert torch.load(path, weights_only=True, mmap=True)["model"].keys() == build().state_dict().keys()


def test_one_written_before_there_was_a_checksum_goes_on(path: Path) -> None:
    torch.save(torch.load(path), path)
    assert train(path, resume=True, steps=5).steps == 5


def changed(path: Path, *keys: object, to: object) -> None:
    """Save the checkpoint with another value in one place, as a whole file: no checksum tells."""
    state = part = torch.load(path)
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = to
    torch.save(state, path)


WEIGHT = "head.lin.weight"


def adam(**other: object) -> dict[str, object]:
    """The state of Adam of the first parameter, of 4 numbers."""
    return {"step": torch.tensor(3.0), "exp_avg": torch.zeros(4), "exp_avg_sq": torch.zeros(4), **other}


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (("model", WEIGHT), torch.zeros(10, 5), r"'head.lin.weight' as float32 \(10, 5\), but the model's is flo"),
        (("model", WEIGHT), torch.zeros(10, 4).double(), r"as float64 \(10, 4\)"),
        (("model", WEIGHT), torch.zeros(1).expand(10, 4), None),
        (("model", WEIGHT), [1.0], "as list, but the model's is float32"),
        (("model", WEIGHT), torch.zeros(10, 4).to_sparse(), "has the weight 'head.lin.weight' as float32"),
        (("model", "more"), torch.zeros(2), "has, beyond the model's, the weight 'more'"),
        (("model",), {}, "lacks the weight"),
        (("model",), 3, "does not hold model, optimizer and history"),
        (("model", WEIGHT), torch.zeros(1).expand(2**40), "holds what fit never writes: a tensor of shape"),
        (("optimizer",), {}, "is of another run"),
        (("optimizer", "state"), 3, "is of another run"),
        (("optimizer", "state", 0), adam(exp_avg=torch.zeros(3)), "exp_avg of the optimizer is float32"),
        (("optimizer", "state", 0), adam(exp_avg="much"), "exp_avg of the optimizer is str"),
        (("optimizer", "state", 0), {"step": torch.tensor(3.0)}, r"holds \['step'\], but would hold \['exp_avg"),
        (("optimizer", "state", 0), 7, "is of another run"),
        (("optimizer", "param_groups"), [], "parameter groups"),
        (("optimizer", "param_groups", 0, "params"), [0], "parameter group"),
        (("optimizer", "param_groups", 0, "lr"), -1.0, "learning rate of the optimizer was -1.0"),
        (("optimizer", "param_groups", 0, "lr"), "fast", "learning rate of the optimizer was 'fast'"),
        (("optimizer", "param_groups", 0, "lr"), math.nan, "learning rate of the optimizer was nan"),
        (("optimizer", "param_groups", 0, "betas"), (0.5, 0.5), r"betas of the optimizer was \(0.5, 0.5\), now \(0.9"),
        (("optimizer", "param_groups", 0, "eps"), None, "eps of the optimizer was None"),
        (("history",), 3, "does not hold model, optimizer and history"),
        (("history", "loss"), torch.zeros(2).double(), r"curves of \[2, 3\] steps"),
        (("history", "loss"), torch.zeros(3, 3), "a curve of shape"),
        (("history", "loss"), torch.zeros(3).long(), "a curve of shape"),
        (("history", "loss"), "abc", "a curve that is no list of numbers: str"),
        (("history", "loss"), {"a": 1}, "a curve that is no list of numbers"),
        (("history", "lr"), [1.0, 1.0, "x"], "a curve that is no list of numbers"),
        (("history", "loss"), torch.zeros(1).double().expand(2**40), "holds what fit never writes: a tensor of shape"),
        (("history", "gradients"), [1], "curves that have no names"),
        (("history", "metrics"), {"mse": torch.zeros(9).double()}, r"curves of \[3, 9\] steps"),
        (("history", "seconds"), "long", "history.seconds is 'long'"),
        (("history", "seconds"), math.nan, "history.seconds"),
        (("history", "solved"), "no", "history.solved is 'no'"),
        (("history", "stopped_by"), 3, "history.stopped_by"),
        (("history", "config"), [], r"history.config is \[\]"),
        (("history", "config"), {}, "is of another run: task was None"),
        (("history", "config", "lr"), torch.tensor([0.1, 0.2]), "is of another run: lr was"),
        (("history", "config", "task"), [torch.zeros(2)], "is of another run: task was"),
        (("history", "machine"), None, "history.machine is None"),
        (("callbacks",), 3, "is of another run"),
        (("callbacks",), [["Stop", {}]], r"callbacks with a state were \['Stop'\], now \[\]"),
        (("format",), "graphseq checkpoint 9", "was not written by this version"),
        (("format",), torch.zeros(2), "was not written by this version"),
        (("more",), 1, "does not hold model, optimizer and history"),
    ],
)  # fmt: skip
def test_one_that_loads_but_holds_something_else_is_refused_by_name(
    keys: tuple[object, ...], value: object, message: str | None, path: Path
) -> None:
    changed(path, *keys, to=value)
    if message is None:
        assert train(path, resume=True, steps=4).steps == 4
    else:
        refused(path, message)


VALUES = [
    None, True, -1, 10**30, math.nan, math.inf, "", "x" * 99, b"x", [], [[]], {}, {"a": {}}, (), set(), 1j,
    torch.zeros(0), torch.zeros(2, 3), torch.tensor(math.nan), torch.zeros(3, dtype=torch.bool), torch.zeros(3).half(),
    torch.zeros(1).expand(10**9), torch.eye(3).to_sparse(), torch.zeros(2, dtype=torch.complex64), torch.float32,
    torch.device("cpu"), torch.Size([1]),
]  # fmt: skip


@pytest.mark.parametrize("number", [24, pytest.param(300, marks=pytest.mark.slow)])
def test_whatever_stands_in_one_it_is_refused_by_name_or_goes_on(number: int, path: Path) -> None:
    raw, dice = path.read_bytes(), random.Random(number)  # noqa: S311
    for _ in range(number):
        path.write_bytes(raw)
        spots = list(spots_of(torch.load(path)))
        changed(path, *dice.choice(spots), to=dice.choice(VALUES))
        model = build()
        before = weights(model)
        try:
            train(path, model, resume=True, steps=3)
        except ValueError as error:
            assert str(error).startswith(str(path)), error  # noqa: PT017
            assert all(torch.equal(a, b) for a, b in zip(weights(model), before, strict=True))


def spots_of(value: object, *above: object) -> Iterator[tuple[object, ...]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield *above, key
        yield from spots_of(part, *above, key)


def test_one_that_inflates_is_refused_before_it_does(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        parts = {part.filename: archive.read(part) for part in archive.infolist()}
    largest = max(parts, key=lambda name: len(parts[name]))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in parts.items():
            archive.writestr(name, bytes(2**26) if name == largest else raw)
    assert path.stat().st_size < 2**20
    refused(path, "it holds compressed parts, which are never written")


def test_best_weights_of_another_model_are_refused_and_change_none_of_its_own() -> None:
    stopping, model, other = gs.training.EarlyStopping(Transfer(3), every=1), build(), build(lambda: GCN(10, 5, 2))
    stopping.validate(1, model)
    before = weights(other)
    with pytest.raises(
        ValueError, match="EarlyStopping after step 1, which must be of this model, has the weight 'encoder"
    ):
        stopping.restore(other)
    assert all(torch.equal(a, b) for a, b in zip(weights(other), before, strict=True))


def test_one_that_others_may_not_read_stays_so(path: Path) -> None:
    path.chmod(0o600)
    train(path, resume=True, steps=5)
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_run_left_half_written_is_taken_away_by_the_next_of_its_name(path: Path) -> None:
    digits = "0123456789abcdef"
    mine, of_another = (path.parent / f".{name}.{digits}.partial" for name in ("run.pt", "other.pt"))
    for rest in (mine, of_another):
        rest.write_bytes(b"half")
    train(path, resume=True, steps=5)
    assert sorted(os.listdir(path.parent)) == [of_another.name, "run.pt"]


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


def test_a_disk_that_is_full_is_said_with_the_file_and_what_to_do(path: Path) -> None:
    raw, limits = path.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            train(path, resume=True, steps=5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert error.value.filename == str(path)
    assert path.read_bytes() == raw
    assert os.listdir(path.parent) == [path.name]


def half(value: object, file: io.BufferedWriter) -> None:
    file.write(b"half of it")
    raise OSError(28, "No space left on device")


def test_a_write_that_fails_midway_leaves_the_old_one_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = path.read_bytes()
    with monkeypatch.context() as context:
        context.setattr(torch, "save", half)
        with pytest.raises(OSError, match="No space left on device; free some room, or name another place") as error:
            train(path, resume=True, steps=5)
    assert error.value.filename == str(path)
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
