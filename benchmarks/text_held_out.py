"""Held-out bits of a text: the reference's set-up at its best, and a model for text that was not seen.

A book is cut into three: the first 80 % are trained on, the next 10 % are for validation, and the last 10 % are the
held-out part, of which nothing is known before it is read. The reference (two layers of 128 units, RMSprop at 2e-3,
windows of 30) is trained on the first 90 %, and is given the best of its steps by the held-out part itself.

The other model is the same network with dropout, scaled initial weights and a cosine of the learning rate, over
longer windows in smaller batches (as many characters a step), at a fifth of the steps and less; and beside it counts
of n-grams (``graphseq.text.ngrams``). The probability of a character is w p(LSTM) + (1 - w) p(counts), where w depends
on the length of the longest context that was counted; the ten weights are fitted on the validation part (EM). Bits are

- *in windows* of 30 characters, each without anything before it: the LSTM, and with counts of the training part;
- *in a stream*, state and contexts carried from end to end: the LSTM; with counts of the training part; and with counts
  that go on, through the validation part and every held-out character once it was predicted.

A probability of the counts takes 18 multiplications, one of the network 252,000. The discounts of the counts were the
best of four choices on the validation part of grimms_fairy_tails. The network's settings were not searched for:
dropout, start and learning rate are those of ``text_rows.py``, the steps what there was time for. ``--choose``
compares them.

    python benchmarks/text_held_out.py --out docs/text                what is not finished; each run is saved when done
    python benchmarks/text_held_out.py --text my_book.txt --seeds 0   a book of your own
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from graphseq import _files, fit
from graphseq.evaluation import tables
from graphseq.experiments.text.corpus import Source, load
from graphseq.experiments.text.models import build
from graphseq.experiments.text.settings import Settings
from graphseq.experiments.text.train import schedule
from graphseq.nn import Model
from graphseq.tasks import Characters
from graphseq.text import evaluation, first_character, greedy
from graphseq.text.flops import multiply_adds
from graphseq.text.ngrams import DISCOUNTS, NGrams
from graphseq.training.callbacks import Callback
from graphseq.training.history import History, machine

REFERENCE = Settings()
IMPROVED = replace(REFERENCE, start="scaled", lr=8e-3, decay=1.0, dropout=0.2, length=60, batch_size=32)
CHOICES: dict[str, dict[str, Any]] = {
    "as chosen": {},
    "windows of 30": {"length": 30, "batch_size": 64},
    "no dropout": {"dropout": 0.0},
    "dropout 0.1": {"dropout": 0.1},
}


class Steps(NamedTuple):
    """Steps of the two trainings."""

    reference: int  #: all of them, which are the budget
    improved: int


STEPS = {
    "grimms_fairy_tails": Steps(8435, 1500),
    "EN_democracy": Steps(11100, 1000),
    "NL_darwin": Steps(19670, 1000),
}
OTHER_STEPS = Steps(8435, 2000)
WINDOW, CHOOSING_BOOK, CHOOSING_SEED, CHOOSING_STEPS = 30, "grimms_fairy_tails", 100, 2000
SAMPLED = (100, 1000, 2000, 5000, 8400)
FIRST: dict[str, Callable[[str], bool]] = {"all": lambda _: True, "capitals": str.isupper, "small letters": str.islower}
Numbers = NDArray[np.float64]


class Book:
    """A text in its three parts, with what the counts of n-grams say of each character.

    Args:
        source: the text.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.text = source, source.text
        self.cuts = len(self.text) - 2 * int(len(self.text) * 0.1), len(self.text) - int(len(self.text) * 0.1)
        self.tokens = Characters(self.text, 1).tokens
        self.classes = len(source.alphabet)

    def task(self, settings: Settings, end: int) -> Characters:
        """Return the task on the text before ``end``, with the alphabet of all of it."""
        return Characters(self.text[:end], settings.length, alphabet=self.source.alphabet)

    def part(self, name: str) -> tuple[int, int]:
        """Return the range of the part for validation or of the held-out part."""
        return self.cuts if name == "validation" else (self.cuts[1], len(self.text))

    def counts(self) -> dict[str, tuple[Numbers, Numbers]]:
        """Return probability and longest context of each character of the two parts, by the way in which it is read."""
        found: dict[str, tuple[Numbers, Numbers]] = {}
        counts = NGrams(self.classes)
        counts.add(self.text, 0, self.cuts[0])
        for part in ("validation", "held-out"):
            start, stop = self.part(part)
            starts = range(start, stop - WINDOW, WINDOW)
            inside = [counts.probability(self.text, i, s) for s in starts for i in range(s + 1, s + WINDOW + 1)]
            found[f"{part}, windows"] = _columns(inside)
            found[f"{part}, stream"] = _columns([counts.probability(self.text, i) for i in range(start + 1, stop)])
        for part in ("validation", "held-out"):
            start, stop = self.part(part)
            going = []
            for i in range(start, stop):
                going.append(counts.probability(self.text, i))
                counts.add(self.text, i, i + 1)
            found[f"{part}, counting on"] = _columns(going[1:])
        return found


def _columns(pairs: list[tuple[float, int]]) -> tuple[Numbers, Numbers]:
    probability, longest = np.array(pairs).T
    return probability, longest


def mixture(network: Numbers, counts: tuple[Numbers, Numbers], weights: Numbers) -> float:
    """Return the bits per character of both together; a weight of the network for each longest context, from -1."""
    w = weights[counts[1].astype(int) + 1]
    return float(-np.log2(w * network + (1 - w) * counts[0]).mean())


def fitted(network: Numbers, counts: tuple[Numbers, Numbers], rounds: int = 50) -> Numbers:
    """Return the weights with the fewest bits, by expectation and maximisation."""
    weights, group = np.full(len(DISCOUNTS) + 1, 0.5), counts[1].astype(int) + 1
    sizes = np.maximum(np.bincount(group, minlength=len(weights)), 1)
    for _ in range(rounds):
        w = weights[group]
        share = w * network / (w * network + (1 - w) * counts[0])
        weights = np.where(
            np.bincount(group, minlength=len(weights)) > 0, np.bincount(group, share, len(weights)) / sizes, 0.5
        )
    return weights


def trained(
    settings: Settings, book: Book, end: int, steps: int, work: Path, *, callbacks: Sequence[Callback] = ()
) -> tuple[Model, History]:
    """Return a model trained on the text before ``end``; a training that was stopped goes on from its checkpoint."""
    model = build(settings, book.classes)
    history = fit(
        model,
        book.task(settings, end),
        steps=steps,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer,
        lr=settings.lr,
        schedule=schedule(settings),
        clip=settings.clip,
        seed=settings.seed,
        stop_threshold=None,
        checkpoint_path=work,
        checkpoint_every=200,
        resume=True,
        callbacks=callbacks,
    )
    return model.eval(), history


def run_reference(book: Book, seed: int, steps: int, work: Path, every: int = 1000) -> dict[str, Any]:
    """Return the held-out bits of the reference's set-up after each ``every`` steps."""
    settings, test = replace(REFERENCE, seed=seed), book.tokens[book.cuts[1] :]
    notes = work.with_suffix(".json")  # of a training that was stopped
    noted = json.loads(notes.read_text(encoding="utf-8")) if notes.exists() else {"reports": [], "samples": {}}
    reports: list[dict[str, float]] = noted["reports"]

    def report(step: int, history: History, model: nn.Module, /) -> None:
        is_due = (step % every == 0 or step == steps) and all(one["step"] != step for one in reports)
        if not is_due and step not in SAMPLED:
            return
        one = cast("Model", model.eval())
        if step in SAMPLED:
            noted["samples"][str(step)] = samples(one, book, step)
        if is_due:
            score, stream = history.score[-500:], float(evaluation.nats_in_stream(one, test).mean()) / math.log(2)
            found = {"windows": evaluation.windows(one, test, WINDOW), "stream": stream}
            reports.append({"step": step, **found, "accuracy": sum(score) / len(score)})
        _files.write_text(notes, json.dumps(noted, ensure_ascii=False), overwrite=True)
        model.train()

    model, history = trained(settings, book, book.cuts[1], steps, work, callbacks=[report])
    last = torch.tensor(history.score[-500:])
    best = {name: min(one[name] for one in reports) for name in ("windows", "stream")}
    spread = {"mean": float(last.mean()), "of one batch": float(last.std()), "best batch": float(last.max())}
    return {
        "reports": reports,
        "best": best,
        "accuracy": spread,
        "samples": noted["samples"],
        **cost(model, settings, steps, history),
    }


def samples(model: Model, book: Book, step: int) -> dict[str, list[str]]:
    """Return texts of 10, 30 and 60 characters, the likeliest each time, by the set that the first is drawn from."""
    texts = {}
    for name, is_first in FIRST.items():
        if among := "".join(filter(is_first, book.source.alphabet)):
            first = first_character(book.source.alphabet, torch.Generator().manual_seed(step), among)
            texts[name] = [first + "".join(greedy(model, book.source.alphabet, first, n - 1)) for n in (10, 30, 60)]
    return texts


def run_improved(
    book: Book, settings: Settings, steps: int, counts: dict[str, tuple[Numbers, Numbers]], part: str, work: Path
) -> dict[str, Any]:
    """Return the bits of the improved model on one part; the weights of the mixtures are always of the validation."""
    settings = replace(settings, cosine=steps)
    model, history = trained(settings, book, book.cuts[0], steps, work)
    found: dict[str, float] = {}
    weights: dict[str, list[float]] = {}
    probabilities = {name: _probabilities(model, book, name) for name in {"validation", part}}
    for way in ("windows", "stream", "counting on"):
        read = "windows" if way == "windows" else "stream"
        fit_to = fitted(probabilities["validation"][read], counts[f"validation, {way}"])
        found[f"LSTM, {read}"] = float(-np.log2(probabilities[part][read]).mean())
        found[f"counts, {way}"] = float(-np.log2(counts[f"{part}, {way}"][0]).mean())
        found[f"both, {way}"] = mixture(probabilities[part][read], counts[f"{part}, {way}"], fit_to)
        weights[way] = [round(float(w), 3) for w in fit_to]
    if part == "held-out":
        some = evaluation.windows(model, book.tokens[book.cuts[1] :], WINDOW, most=500)
        found["LSTM, 500 windows"] = some
    last = history.score[-500:]
    return {
        "bits": found,
        "weights": weights,
        "accuracy": sum(last) / len(last),
        **cost(model, settings, steps, history),
    }


def _probabilities(model: Model, book: Book, part: str) -> dict[str, Numbers]:
    start, stop = book.part(part)
    tokens = book.tokens[start:stop]
    windows = evaluation.nats_in_windows(model, tokens, WINDOW).flatten()
    return {"windows": (-windows).exp().numpy(), "stream": (-evaluation.nats_in_stream(model, tokens)).exp().numpy()}


def cost(model: Model, settings: Settings, steps: int, history: History) -> dict[str, Any]:
    """Return what a training took."""
    return {
        "multiply_adds": multiply_adds(model, steps * settings.batch_size * settings.length),
        "steps": steps,
        "seconds": history.seconds,
        "settings": settings.to_json(),
        "machine": machine(),
    }


def kept(file: Path, key: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return an entry of a record, made and saved where it is not there yet."""
    record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if key not in record:
        record = record | {key: make()}
        file.parent.mkdir(parents=True, exist_ok=True)
        _files.write_text(file, json.dumps(record, indent=1, ensure_ascii=False) + "\n", overwrite=True)
    return record[key]  # type: ignore[no-any-return]


def table(record: dict[str, dict[str, Any]]) -> str:
    """Return a line for each text and way of reading: the reference's best, the counts, and the mean of the seeds."""
    rows = [["text", "read", "reference, best", "counts alone", "LSTM", "both", "seeds"]]
    for text in dict.fromkeys(key.split(" | ")[0] for key in record):
        runs = [run for key, run in record.items() if key.startswith(f"{text} | seed")]
        best, alone = (record.get(f"{text} | {what}", {}) for what in ("reference", "counts"))
        for way in ("windows", "stream", "counting on"):
            read = "windows" if way == "windows" else "stream"
            names = (f"LSTM, {read}", f"both, {way}")
            means = [tables.mean_with_interval([run["bits"][n] for run in runs], ".3f") if runs else "" for n in names]
            found = [
                f"{of[key][name]:.3f}" if of else "" for of, key, name in ((best, "best", read), (alone, "bits", way))
            ]
            rows.append([text, way, *found, *means, str(len(runs))])
    return tables.aligned(rows, head=1)


def main(out: Path, texts: list[str], seeds: list[int], *, reference: bool = True, scale: float = 1.0) -> str:
    """Train what is not finished, save it in ``out``, and return the table."""
    file = out / "held_out.json"
    for name in texts:
        book, title = Book(load(name)), Path(name).name
        steps = Steps(*(round(scale * count) for count in STEPS.get(name, OTHER_STEPS)))
        names = [f"{title} | counts", *(f"{title} | seed {seed}" for seed in seeds)]
        if any(key not in _read(file) for key in names):
            _improve(book, title, file, seeds, steps.improved)
        if reference:
            run = partial(run_reference, book, 0, steps.reference, _work(file, f"{title}_reference"))
            kept(file, f"{title} | reference", run)
    return table(_read(file))


def _improve(book: Book, title: str, file: Path, seeds: Sequence[int], steps: int) -> None:
    counts = book.counts()
    ways = ("windows", "stream", "counting on")
    alone = {way: float(-np.log2(counts[f"held-out, {way}"][0]).mean()) for way in ways}
    kept(file, f"{title} | counts", lambda: {"bits": alone, "discounts": list(DISCOUNTS), "machine": machine()})
    for seed in seeds:
        work, settings = _work(file, f"{title}_{seed}"), replace(IMPROVED, seed=seed)
        run = partial(run_improved, book, settings, steps, counts, "held-out", work)
        kept(file, f"{title} | seed {seed}", run)


def choose(out: Path, scale: float = 1.0) -> str:
    """Compare settings on the validation part of one book, from a seed that is not reported, and return the table."""
    book, steps, file = Book(load(CHOOSING_BOOK)), round(scale * CHOOSING_STEPS), out / "choices.json"
    counts = book.counts()
    for choice, change in CHOICES.items():
        settings = replace(IMPROVED, seed=CHOOSING_SEED, **change)
        work = _work(file, choice.replace(" ", "_"))
        kept(file, choice, partial(run_improved, book, settings, steps, counts, "validation", work))
    rows = [[choice, *(f"{value:.3f}" for value in run["bits"].values())] for choice, run in _read(file).items()]
    return tables.aligned([["settings", *next(iter(_read(file).values()))["bits"]], *rows], head=1)


def _work(file: Path, name: str) -> Path:
    """Return the file of a training's checkpoint, in a folder beside the record."""
    (file.parent / "work").mkdir(parents=True, exist_ok=True)
    return file.parent / "work" / f"{name}.pt"


def _read(file: Path) -> dict[str, dict[str, Any]]:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/text_held_out"), help="folder of the records")
    parser.add_argument("--text", nargs="+", default=list(STEPS), help="books by name, or files")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="trainings of the improved model")
    parser.add_argument("--choose", action="store_true", help="compare settings on the validation part instead")
    parser.add_argument("--no-reference", action="store_true", help="leave the reference's own training out")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the steps of every training")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.choose:
        print(choose(options.out, options.scale))
    else:
        reference = not options.no_reference
        print(main(options.out, options.text, options.seeds, reference=reference, scale=options.scale))
