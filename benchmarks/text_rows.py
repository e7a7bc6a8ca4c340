"""The reference's table of texts, with its own training and with an improved one of the same steps, batch and window.

Each row of the table is trained twice: with the reference's set-up (RMSprop at 2e-3, times 0.96 every 5000 steps,
torch's initial weights) and with the improved one, at the same units, layers, steps, batch and window. In two further
rows, 2 × 352 aims at the result of 2 × 512 with at most half of its multiply-adds, and 2 × 128 is trained for a quarter
of its steps, since a book of half a million characters is soon memorised. Accuracy and loss are the means over the
batches of the last 500 steps, as in training; beside them are the bits per character on the last tenth of the book,
which training never saw.

    python benchmarks/text_rows.py --out docs/text                rows not finished yet, each saved when done
    python benchmarks/text_rows.py --out docs/text --only grimms_2x128

A row that is stopped continues from its checkpoint, in --work; finished rows are in rows.json. On one core a row takes
from ten minutes (2 × 128) to an hour and a half (2 × 512).
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch

from graphseq import _files
from graphseq.datasets import book
from graphseq.experiments.text.corpus import Source
from graphseq.experiments.text.models import build
from graphseq.experiments.text.report import read
from graphseq.experiments.text.settings import Settings
from graphseq.experiments.text.train import train
from graphseq.experiments.text.trained import Trained, open_trained
from graphseq.text import beam_search, generate, greedy
from graphseq.text.flops import multiply_adds
from graphseq.training.history import History

AVERAGED = 500
POINTS = 200
PROMPT, COMPLETION = 60, 120
REFERENCE = Settings(every=1000, at=(100, 8400), sample_lengths=(10, 30, 60, 120))
IMPROVED = replace(REFERENCE, start="scaled", lr=8e-3, decay=1.0)


@dataclass(frozen=True)
class Row:
    """A row of the reference's table: its settings and its published results."""

    book: str
    layers: int
    hidden: int
    steps: int
    accuracy: float  #: the reference's, in training
    loss: float  #: the reference's, in nats a character

    @property
    def name(self) -> str:
        """A short name, for files and the command line."""
        return f"{self.book.partition('_fairy')[0]}_{self.layers}x{self.hidden}"


ROWS = (
    Row("grimms_fairy_tails", 2, 128, 8435, 0.637, 1.1),
    Row("grimms_fairy_tails", 2, 256, 8435, 0.6901, 0.98),
    Row("grimms_fairy_tails", 2, 512, 8435, 0.75, 0.75),
    Row("grimms_fairy_tails", 3, 128, 8435, 0.6464, 1.15),
    Row("NL_darwin", 2, 128, 19670, 0.60, 1.29),
    Row("EN_democracy", 2, 128, 11100, 0.67, 1.08),
)


@dataclass(frozen=True)
class Job:
    """One training: a row of the table and a set-up."""

    row: Row
    setup: str
    settings: Settings
    steps: int

    @property
    def name(self) -> str:
        """A short name, for files and the command line."""
        return f"{self.row.name}_{self.setup}"

    @property
    def command(self) -> list[str]:
        """The arguments of the command line that trains the same."""
        words = ["text", "train", self.row.book, "--steps", str(self.steps)]
        for key, value in self.settings.to_json().items():
            flag = "--" + (key.removesuffix("s") if key.startswith("sample") else key).replace("_", "-")
            if key == "cosine":
                words += ["--cosine"] if value else []
            elif value not in ([], ""):
                words += [flag, *(map(str, value) if isinstance(value, list) else [str(value)])]
        return words


def jobs(steps: int | None = None) -> list[Job]:
    """Return all trainings, the most important first; ``steps`` cuts each short."""
    row = {published.name: published for published in ROWS}
    small, large = row["grimms_2x128"], row["grimms_2x512"]
    order = [
        (small, "reference", {}),
        (small, "improved", {}),
        (row["grimms_3x128"], "improved", {}),
        (row["EN_democracy_2x128"], "improved", {}),
        (small, "quarter", {}),
        (small, "dropout", {"dropout": 0.2}),
        (row["grimms_2x256"], "improved", {}),
        (row["NL_darwin_2x128"], "improved", {}),
        (large, "half", {"hidden": 352, "lr": 6e-3}),  # wider, so with smaller steps
        *(
            (published, "reference", {})
            for published in (row["grimms_3x128"], row["EN_democracy_2x128"], row["grimms_2x256"])
        ),
        (row["NL_darwin_2x128"], "reference", {}),
        (large, "improved", {"lr": 5e-3}),
        (large, "reference", {}),
    ]
    return [_job(*choice, steps) for choice in order]


def _job(row: Row, setup: str, change: dict[str, float], most: int | None) -> Job:
    steps = row.steps // 4 if setup == "quarter" else row.steps
    steps = steps if most is None else min(most, steps)
    size = {"hidden": row.hidden, "layers": row.layers, **change}
    if setup == "reference":
        return Job(row, setup, replace(REFERENCE, **size), steps)
    return Job(row, setup, replace(IMPROVED, cosine=steps, **size), steps)


def run(job: Job, work: Path) -> dict[str, object]:
    """Train, from a checkpoint if there is one, and return the row of the record."""
    source = Source(job.row.book, book(job.row.book))
    results = train(job.settings, source, work, steps=job.steps, command=job.command, resume=True)
    trained = open_trained(work)
    history, last = trained.history, min(AVERAGED, job.steps)
    return {
        "name": job.name,
        "row": job.row.name,
        "setup": job.setup,
        "command": shlex.join(["python", "-m", "graphseq", *job.command]),
        "reference": {"accuracy": job.row.accuracy, "loss": job.row.loss},
        "accuracy": sum(history.score[-last:]) / last,
        "loss": sum(history.loss[-last:]) / last,
        "averaged_over_steps": last,
        "bits_in_windows": results.bits_in_windows,
        "bits_in_one_stream": results.bits_in_one_stream,
        "parameters": results.parameters,
        "multiply_adds": _cost(job, len(source.alphabet)),
        "reference_multiply_adds": _cost(_job(job.row, "reference", {}, None), len(source.alphabet)),
        "steps": job.steps,
        "seconds": results.seconds,
        "settings": job.settings.to_json(),
        "text": {"characters": len(source.text), "sha256": source.sha256},
        "machine": history.machine,
        "curves": _curves(history),
        "reports": [asdict(report) for report in read(work)],
        "completions": _completions(trained, source.text),
    }


def _cost(job: Job, classes: int) -> int:
    return multiply_adds(build(job.settings, classes), job.steps * job.settings.batch_size * job.settings.length)


def _completions(trained: Trained, text: str) -> dict[str, str]:
    """Return continuations of the beginning of the held-out text, by each method."""
    cut = len(text) - int(len(text) * trained.settings.held_out)
    given = (trained.model, trained.alphabet, text[cut : cut + PROMPT], COMPLETION)
    return {
        "prompt": given[2],
        "greedy": "".join(greedy(*given)),
        "beam search, 5 beams": beam_search(*given, width=5)[0].text,
        **{
            how: "".join(generate(*given, generator=torch.Generator().manual_seed(0), **cuts))
            for how, cuts in (("temperature 0.5", {"temperature": 0.5}), ("nucleus of 0.9", {"top_p": 0.9}))
        },
        "the book": text[cut + PROMPT : cut + PROMPT + COMPLETION],
    }


def _curves(history: History) -> dict[str, list[float]]:
    """Return means over pieces of equal length, as many as a figure needs."""
    size = max(1, history.steps // POINTS)
    ends = range(size, history.steps + 1, size)
    curves = {"loss": history.loss, "accuracy": history.score}
    means = {name: [round(sum(curve[end - size : end]) / size, 5) for end in ends] for name, curve in curves.items()}
    return {"step": list(ends), **means}


def recorded(file: Path) -> list[dict[str, object]]:
    """Return the finished rows."""
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def add(row: dict[str, object], file: Path) -> list[dict[str, object]]:
    """Add a row to those in the file, which another process may have changed, and return all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps([*recorded(file), row], indent=1, ensure_ascii=False)
    _files.write_text(file, text + "\n", overwrite=True)
    return recorded(file)


def main(out: Path, work: Path, only: Sequence[str] = (), steps: int | None = None) -> list[dict[str, object]]:
    """Train what is not finished, and save each row in ``out``."""
    file, todo = out / "rows.json", jobs(steps)
    if unknown := set(only) - {job.name for job in todo}:
        raise ValueError(f"--only must be of {', '.join(job.name for job in todo)}; got {', '.join(sorted(unknown))}")
    rows = recorded(file)
    for job in todo:
        if (only and job.name not in only) or any(row["name"] == job.name for row in rows):
            continue
        print(f"{job.name}: {job.steps} steps", flush=True)
        rows = add(run(job, work / job.name), file)
        row = rows[-1]
        print(f"  accuracy {row['accuracy']:.2%}, loss {row['loss']:.3f}, held out {row['bits_in_windows']:.3f} bits")
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/text_rows"), help="folder of rows.json")
    parser.add_argument("--work", type=Path, default=Path("out/text_rows/runs"), help="folder of the trainings")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="train these alone")
    parser.add_argument("--steps", type=int, help="cut each training to so many steps")
    options = parser.parse_args()
    torch.set_num_threads(1)
    main(options.out, options.work, options.only, options.steps)
