"""All benchmarks, one after another, each in a process with its number of threads: the records of docs/benchmarks.

    python benchmarks/suite.py --out docs/benchmarks          for an hour, on a machine without other work
    python benchmarks/suite.py --out docs/benchmarks --only gcn   one of them again
    python benchmarks/suite.py --out out --tiny                     all in a few minutes, to test that they run

``python benchmarks/table.py`` makes one table of the records. Where there is a CUDA device, the scripts that support it
run there too, into records of their own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Question:
    """A script, its number of threads, and its options for a full and a tiny run."""

    script: str
    threads: int
    words: tuple[str, ...] = ()
    tiny: tuple[str, ...] = ()
    on_cuda: bool = False
    draws: bool = False  # whether it makes a picture, too


SHORT = ("Transfer(5), GCN-4", "Palindrome(9), RNN", "Palindrome(9), LSTM", "Adding(20), LSTM")  # in minutes
QUESTIONS = (
    Question("gcn", 2, ("--rounds", "11"), ("--scale", "0.01", "--rounds", "2"), on_cuda=True),
    Question("gcn_ideas", 2, ("--rounds", "7"), ("--scale", "0.01", "--rounds", "2")),
    Question("gcn_lstm", 1, tiny=("--nodes", "20", "--rounds", "3"), on_cuda=True),
    Question("gcn_lstm_batches", 1, ("--rounds", "15"), ("--nodes", "40", "--rounds", "3")),
    Question("recurrence", 1, tiny=("--scale", "0.05", "--rounds", "2"), on_cuda=True),
    Question("changing_edges", 1, tiny=("--scale", "0.1", "--rounds", "2")),
    Question("fit_overhead", 1, tiny=("--repeats", "5", "--steps", "3")),
    Question("influence", 1, ("--targets", "120"), ("--graphs", "path", "--rows", "3", "--repeats", "1")),
    Question(
        "many_seeds",
        1,
        tiny=("--seeds", "2", "--steps", "3", "--hidden", "4", "--batch", "4", "--length", "4", "--rounds", "2"),
    ),
    Question("rows", 1, ("--rounds", "3"), ("--rows", "200", "400", "--rounds", "1"), draws=True),
    Question(
        "long_sequences",
        1,
        ("--rounds", "1", "--family", "RNN", "LSTM"),
        ("--steps", "60", "--rounds", "1", "--family", "RNN"),
        draws=True,
    ),
    Question("precision", 1, ("--steps", "400", "--case", *SHORT), ("--seeds", "1", "--hidden", "8", "--steps", "2")),
    Question("compiled", 1, ("--rounds", "7"), ("--scale", "0.01", "--rounds", "2", "--only", "RNN")),
    Question("peers", 1, tiny=("--scale", "0.01", "--rounds", "2", "--eager")),
    Question("starts", 1, tiny=("--rounds", "1", "--only", "Python", "import graphseq")),
    Question("scan", 1, tiny=("--lengths", "10", "100", "--batch", "2", "--rounds", "3")),
)


def ask(question: Question, out: Path, words: tuple[str, ...], device: str = "cpu") -> None:
    """Run one script, and write its record to ``out``, replacing an older one."""
    name = question.script if device == "cpu" else f"{question.script}_{device}"
    with tempfile.TemporaryDirectory(dir=out) as fresh:
        made = {"--out": Path(fresh) / f"{name}.json"}
        if question.draws:
            made["--figure"] = Path(fresh) / f"{name}.png"
        command = [str(HERE / f"{question.script}.py"), *words, *(str(w) for pair in made.items() for w in pair)]
        command += [] if device == "cpu" else ["--device", device]
        print("$", f"OMP_NUM_THREADS={question.threads} python benchmarks/{question.script}.py", *words, flush=True)
        threads = {**os.environ, "OMP_NUM_THREADS": str(question.threads)}
        subprocess.run([sys.executable, *command], check=True, env=threads)  # noqa: S603 - a script of ours
        for file in made.values():
            file.replace(out / file.name)


def main(out: Path, only: list[str], tiny: bool, peer: Path | None) -> None:
    """Run all scripts, or some."""
    if unknown := set(only) - {question.script for question in QUESTIONS}:
        raise SystemExit(
            f"--only must be of {', '.join(q.script for q in QUESTIONS)}; got {', '.join(sorted(unknown))}"
        )
    out.mkdir(parents=True, exist_ok=True)
    chosen = [question for question in QUESTIONS if not only or question.script in only]
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    for device in devices:
        for question in chosen:
            words = question.tiny if tiny else question.words
            if question.script == "gcn_lstm" and peer is not None:
                words = (*words, "--peer", str(peer))
            if device == "cpu" or question.on_cuda:
                ask(question, out, words, device)
    if "cuda" not in devices:
        print("no CUDA device here: " + ", ".join(q.script for q in chosen if q.on_cuda) + " on one is skipped")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks"), help="folder of the records")
    parser.add_argument("--only", nargs="+", default=[], metavar="SCRIPT", help="these alone")
    parser.add_argument("--tiny", action="store_true", help="so little that figures say nothing")
    parser.add_argument("--peer", type=Path, help="where PyG Temporal was installed to")
    options = parser.parse_args()
    main(options.out, options.only, options.tiny, options.peer)
