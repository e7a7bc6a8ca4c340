"""The text command: what it understands, what it writes, and that whatever is wrong is said in one line."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from console import Said, call, everything, refusal

from graphseq.cli.main import main
from graphseq.experiments.text import train as run
from graphseq.experiments.text.settings import Settings
from graphseq.experiments.text.trained import open_trained
from graphseq.text import beam_search, first_character, generate, greedy

TEXT = "Ab cab. Bad cab dab. " * 30
TINY = (
    *("--hidden", "6", "--layers", "1", "--length", "5", "--batch-size", "4", "--steps", "4", "--every", "2"),
    *("--sample-length", "3", "--sample-temperature", "0", "1"),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "book.txt").write_text(TEXT)
    return tmp_path / "book.txt"


@pytest.fixture
def folder(file: Path, tmp_path: Path) -> Path:
    assert train(file, tmp_path / "run").status == 0
    return tmp_path / "run"


def train(file: Path, out: Path, *words: str) -> Said:
    return call("text", "train", file, *TINY, "--out", out, *words)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Settings, dict[str, object]]]:
    """Trainings that were asked for; none is run."""
    found: list[tuple[Settings, dict[str, object]]] = []

    def train(settings: Settings, source: object, out: Path, **more: object) -> None:
        del more["tell"]
        found.append((settings, {"out": out, **more}))
        raise ValueError("asked")

    monkeypatch.setattr(run, "train", train)
    return found


def test_every_flag_arrives(file: Path, asked: list[tuple[Settings, dict[str, object]]]) -> None:
    model = "--model gru --hidden 8 --layers 3 --start scaled --dropout 0.25 --encoding latin-1"
    rest = "--steps 7 --length 6 --batch-size 9 --optimizer AdamW --lr 0.5 --warmup 3 --cosine --decay 0.5"
    more = "--decay-every 10 --clip 2 --held-out 0.25 --seed 4 --every 3 --at 5 2 --sample-length 9 4"
    last = "--sample-temperature 0 0.7 --sample-first AB --precision bfloat16 --out there --resume --tensorboard"
    given = ["text", "train", str(file), *model.split(), *rest.split(), *more.split(), *last.split()]
    call(*given)
    settings, told = asked[0]
    assert settings == Settings(
        *("GRU", 8, 3, "scaled", 0.25, 6, 9, "AdamW", 0.5, 3, 0.5, 10, 7, 2.0, 0.25, 4, "cpu", 3, (2, 5), (4, 9)),
        *((0.0, 0.7), "AB", "bfloat16"),
    )
    expected = {"out": Path("there"), "steps": 7, "command": given, "resume": True, "tensorboard": True, "group": None}
    assert told == expected


def test_without_flags_all_is_as_the_settings_and_the_help_say(
    file: Path, asked: list[tuple[Settings, dict[str, object]]]
) -> None:
    call("text", "train", file)
    assert asked[0][0] == Settings()
    assert asked[0][1]["steps"] == 5000
    told = " ".join(call("text", "train", "--help").out.partition("options:")[2].split())
    for name in ("model", "hidden", "layers", "start", "length", "optimizer", "lr", "warmup", "decay", "held_out"):
        said = told.partition(f" --{name.replace('_', '-')} ")[2].partition("(default: ")[2].partition(")")[0]
        assert said == str(getattr(Settings(), name))


def test_a_training_says_how_it_goes_and_what_comes_next(file: Path, tmp_path: Path) -> None:
    said = train(file, tmp_path / "run")
    assert said.status == 0
    lines = said.err.splitlines()
    assert lines[0] == f"text: {file}, 630 characters, 8 different; the last 63 held out"
    assert [line.partition(":")[0] for line in lines if line.startswith("step ")] == ["step 2", "step 4"]
    reports = json.loads((tmp_path / "run" / "reports.json").read_text())
    assert f"loss {reports[0]['loss']:.3f} nats, accuracy {reports[0]['accuracy']:.1%}" in said.err
    assert f"  greedy   {reports[0]['samples'][0]['text']!r}" in lines
    assert f"  at 1     {reports[0]['samples'][1]['text']!r}" in lines
    assert said.out.startswith("held out: ")
    assert len(said.out.splitlines()) == 1
    assert lines[-1] == f"generate text by: python -m graphseq text generate {tmp_path / 'run'}"


def test_a_training_goes_on_where_it_was(file: Path, folder: Path) -> None:
    said = train(file, folder, "--resume", "--steps", "6")
    assert [line.partition(":")[0] for line in said.err.splitlines() if line.startswith("step ")] == ["step 6"]
    assert len(open_trained(folder).history.loss) == 6


def test_a_cosine_cannot_be_made_longer(file: Path, tmp_path: Path) -> None:
    train(file, tmp_path / "run", "--cosine")
    line = refusal(train(file, tmp_path / "run", "--cosine", "--steps", "6", "--resume"))
    assert "holds a training with --cosine 4, now 6; name another --out" in line


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_what_is_written_is_what_the_library_writes(folder: Path) -> None:
    trained = open_trained(folder)
    model, alphabet = trained.model, trained.alphabet
    prompt = ("--prompt", "cab d", "--length", "12")
    for words, expected in (
        (("--greedy",), greedy(model, alphabet, "cab d", 12)),
        (("--beam", "3"), beam_search(model, alphabet, "cab d", 12, width=3)[0].text),
        ((), generate(model, alphabet, "cab d", 12, generator=seeded(0))),
        (
            ("--temperature", "0.5", "--top-k", "4", "--top-p", "0.9", "--seed", "7"),
            generate(model, alphabet, "cab d", 12, generator=seeded(7), temperature=0.5, top_k=4, top_p=0.9),
        ),
    ):
        said = call("text", "generate", folder, *prompt, *words)
        assert (said.status, said.out, said.err) == (0, "cab d" + "".join(expected) + "\n", "")


def test_without_a_prompt_a_text_begins_with_a_random_first_letter(folder: Path) -> None:
    alphabet = open_trained(folder).alphabet
    begun = [call("text", "generate", folder, "--length", "3", "--seed", seed).out[0] for seed in range(8)]
    assert begun == [first_character(alphabet, seeded(seed)) for seed in range(8)]
    assert set(begun) == {"A", "B"}
    begun = [call("text", "generate", folder, "--first", "cd", "--seed", seed).out[0] for seed in range(8)]
    assert set(begun) == {"c", "d"}


def test_characters_are_shown_one_by_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    real = call("text", "generate", folder, "--length", "6", "--first", "A").out

    class Terminal:
        text = ""

        def write(self, part: str) -> None:
            self.text += part

        def isatty(self) -> bool:
            return True

        def flush(self) -> None:
            shown.append(self.text)

    monkeypatch.setattr(sys, "stdout", Terminal())
    from graphseq.cli.main import main  # noqa: PLC0415

    main(["text", "generate", str(folder), "--length", "6", "--first", "A"])
    assert shown == [*(real[: end + 1] for end in range(7)), real]


@pytest.mark.parametrize("model", ["GCN", "GCN-LSTM-grown", "GCN-LSTM"])
def test_models_without_a_cell_of_torchs_write_too(model: str, file: Path, tmp_path: Path) -> None:
    assert train(file, tmp_path / "run", "--model", model).status == 0
    said = call("text", "generate", tmp_path / "run", "--prompt", "Bad", "--length", "9")
    assert said.status == 0
    assert len(said.out) == 3 + 9 + 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--temperature", "0"),
            "argument --temperature: must be a number above 0, got '0'; for the likeliest",
        ),
        (("--temperature", "-1"), "argument --temperature: must be a number above 0, got '-1'"),
        (("--temperature", "nan"), "argument --temperature: must be a number above 0, got 'nan'"),
        (
            ("--beam", "9"),
            "--beam must be at most 8, the characters of the alphabet: a text has no more beginnings",
        ),
        (("--beam", "0"), "argument --beam: must be at least 1, got 0"),
        (
            ("--prompt", "Bäd"),
            "--prompt holds what the model never saw: 'ä' (nearest: 'a')",
        ),
        (("--prompt", ""), "--prompt is empty; give at least one character"),
        (("--first", "Xb"), "--first holds what the model never saw: 'X'"),
        (("--first", ""), "--first must hold at least one character for a text to begin with"),
        (("--first", "A", "--prompt", "A"), "argument --prompt: not allowed with argument --first"),
        (("--top-k", "9"), "--top-k must be at most 8, the characters of the alphabet; got 9"),
        (("--top-p", "1.5"), "--top-p must lie between 0 and 1, got 1.5"),
        (("--greedy", "--top-p", "0.5"), "--top-p is about drawing, and --greedy draws nothing; leave one out"),
        (("--beam", "2", "--top-k", "2"), "--top-k is about drawing, and --beam draws nothing; leave one out"),
        (("--greedy", "--temperature", "1"), "argument --temperature: not allowed with argument --greedy"),
        (("--length", "0"), "argument --length: must be at least 1, got 0"),
    ],
)
def test_what_cannot_be_written_is_refused(words: tuple[str, ...], message: str, folder: Path) -> None:
    before = everything(folder)
    assert message in refusal(call("text", "generate", folder, *words))
    assert everything(folder) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--hidden", "0"), "argument --hidden: must be at least 1, got 0"),
        (("--model", "perceiver"), "argument --model: invalid choice: 'perceiver'"),
        (("--model", "LSMT"), "'GCN-LSTM-grown', 'GCN'); did you mean LSTM?"),
        (("--steps", "4", "--at", "2", "9"), "--at 9 is after the last of --steps 4"),
        (("--model", "GCN", "--start", "scaled"), "start 'scaled' is for RNN, GRU and LSTM, not for GCN"),
        (("--model", "GCN", "--dropout", "0.1"), "dropout is for RNN, GRU and LSTM, got GCN"),
        (("--dropout", "1"), "argument --dropout: must be a share of at least 0 and less than 1, got '1'"),
        (("--sample-length", "1"), "argument --sample-length: must be at least 2, got 1"),
        (("--sample-temperature", "-1"), "argument --sample-temperature: must be a number of at least 0, got '-1'"),
        (("--sample-first", "X"), "--sample-first holds what the model never saw: 'X'"),
        (("--held-out", "1"), "argument --held-out: must be a share between 0 and 1"),
        (("--held-out", "0.005"), "of them and the rest must each hold a window of --length 5"),
        (("--length", "63"), "--held-out 0.1 of them and the rest must each hold a window of --length 63"),
        (("--encoding", "utf-9"), "encoding must be one that Python knows"),
        (("--encoding", "zlib"), "encoding must be one that Python knows (utf-8, latin-1, …) for texts, got 'zlib'"),
        (("--device", "nowhere"), "argument --device: must be a torch device such as cpu or cuda:0, got 'nowhere'"),
        (("--at", "2", "2"), "--at names a value twice: 2 2"),
        (("--optimizer", "Lion"), "argument --optimizer: invalid choice: 'Lion'"),
    ],
)
def test_a_training_that_cannot_be_is_refused_and_leaves_nothing(
    words: tuple[str, ...], message: str, file: Path, tmp_path: Path
) -> None:
    assert message in refusal(train(file, tmp_path / "run", *words))
    assert os.listdir(tmp_path) == ["book.txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "book.txt: No such file or directory"),
        (b"", "book.txt is empty; a text to train on is needed"),
        (b"aaaa" * 100, "book.txt holds nothing but 'a', 400 times; there is nothing to learn from it"),
        ("Übung ".encode() * 50 + "Ü".encode()[:1], "ends in the middle of a character of utf-8"),
        (b"caf\xe9 " * 50, "byte 3 is not utf-8; name the file's encoding (--encoding latin-1, say)"),
    ],
)
def test_a_text_that_will_not_do_is_refused(content: bytes | None, message: str, tmp_path: Path) -> None:
    file = tmp_path / "book.txt"
    if content is not None:
        file.write_bytes(content)
    before = everything(tmp_path)
    assert message in refusal(train(file, tmp_path / "run"))
    assert everything(tmp_path) == before


def test_a_folder_that_holds_no_training_is_refused(tmp_path: Path) -> None:
    assert "holds no training: there is no config.json" in refusal(call("text", "generate", tmp_path / "none"))


def test_an_interrupt_says_how_to_go_on(file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "train", stopped)
    said = train(file, tmp_path / "run")
    assert said.status == 130
    assert (
        said.err.splitlines()[-1] == f"stopped; run the same command with --resume to go on (--out {tmp_path / 'run'})"
    )


def test_what_the_command_does_must_be_named() -> None:
    assert "train | generate" in refusal(call("text"))


def test_a_text_in_another_language_trains_and_writes(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("Ένα μήλο. Δύο μήλα. " * 40, encoding="utf-8")
    assert train(tmp_path / "book.txt", tmp_path / "run").status == 0
    said = call("text", "generate", tmp_path / "run", "--length", "20", "--greedy")
    assert said.out[0] in "ΈΔ"
    assert len(said.out) == 22


def test_a_training_that_diverges_ends_with_a_line_and_status_1(file: Path, tmp_path: Path) -> None:
    said = train(file, tmp_path / "run", "--optimizer", "SGD", "--lr", "1e38", "--clip", "1e38", "--steps", "9")
    assert said.status == 1
    assert said.err.splitlines()[-1].startswith("graphseq text train: training diverged at step ")
    assert "Traceback" not in said.err


def test_tensorboard_that_is_not_there_is_one_line(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert "TensorBoard is not installed; install it by" in refusal(train(file, tmp_path / "run", "--tensorboard"))
    assert not (tmp_path / "run").exists()


def test_a_seed_of_any_number_of_digits_is_a_seed(folder: Path) -> None:
    texts = [
        call("text", "generate", folder, "--length", 30, "--seed", seed).out for seed in (10**22, 10**22 + 1, 10**22)
    ]
    assert texts[0] == texts[2] != texts[1]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_characters_that_the_terminal_lacks_are_escaped(
    encoding: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "book.txt"
    file.write_text("Да нет, наверное. Почему? " * 30, encoding="utf-8")
    streams = [io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    assert main(["text", "train", str(file), *TINY, "--out", str(tmp_path / "run")]) == 0
    streams[1].flush()
    assert rb"\u04" in streams[1].buffer.getvalue()  # type: ignore[attr-defined]
