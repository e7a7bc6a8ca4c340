"""Held-out bits of a text: the reference's set-up at its best, and a model for text that was not seen.

A book is cut into three: the first 80 % are trained on, the next 10 % are for validation, and the last 10 % are the
held-out part, of which nothing is known before it is read. The reference (two layers of 128 units, RMSprop at 2e-3,
windows of 30) is trained on the first 90 %, and is given the best of its steps by the held-out part itself.

The other model is the same network with scaled initial weights and a cosine of the learning rate, in the same windows
and batches, for fewer steps; and beside it counts of n-grams (``graphseq.text.ngrams``). Their distributions are
multiplied, each to a power (``graphseq.text.mixture``): two powers for each length of the longest context that was
counted, fitted on the validation part with counts of the first 80 %. On the held-out part the counts have
the first 90 %. On EN_democracy, and on books of your own, a second network has them, too: trained from another seed for
steps that the reference's budget leaves, it is multiplied with the first one, equally. Bits are

- *in windows* of 30 characters, each without anything before it;
- *in a stream*, state and contexts carried from end to end;
- *counting on*: in a stream, and the counts go on with every held-out character once it was predicted.

All characters of one distribution of the counts and of the product take about 1,500 multiplications, one of the
network 252,000. Steps and dropout are those with the fewest bits in windows on the validation part, from a seed that
is not reported (``--choose``, recorded in ``choices.json``, with contexts of up to 8). Discounts on EN_democracy, of
contexts of up to 12, were the best of five sets on the second half of its validation part, powers fitted on the
first; a book of your own has them, too. The network's products are in bfloat16, 2.5 times as fast on a CPU that has
them.

    python benchmarks/text_held_out.py --choose --out docs/text       settings compared on the validation part
    python benchmarks/text_held_out.py --out docs/text                what is not finished; each run is saved when done
    python benchmarks/text_held_out.py --text my_book.txt --seeds 0   a book of your own, best after --choose for it
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from graphseq import _files, fit
from graphseq.cli.messages import refusals
from graphseq.evaluation import tables
from graphseq.experiments.text.corpus import Source, load
from graphseq.experiments.text.models import build
from graphseq.experiments.text.settings import Settings
from graphseq.experiments.text.train import schedule
from graphseq.nn import Model
from graphseq.tasks import Characters
from graphseq.text import evaluation, first_character, greedy
from graphseq.text.flops import multiply_adds
from graphseq.text.mixture import fitted_powers, log_product
from graphseq.text.ngram_arrays import NGramArrays
from graphseq.text.ngrams import DISCOUNTS, NGrams
from graphseq.training.callbacks import Callback
from graphseq.training.history import History, machine

REFERENCE = Settings()
IMPROVED = replace(REFERENCE, start="scaled", lr=8e-3, decay=1.0, precision="bfloat16")


LOW = (0.5, 0.6, 0.65, 0.7, 0.7, 0.75, *(0.8 for _ in range(7)))  # discounts; powers make up for what is too low


class Choice(NamedTuple):
    """The settings that are chosen on the validation part of a book."""

    steps: int
    dropout: float = 0.0
    again: int = 0  #: steps of a second network, which learns from the part for validation as well
    discounts: tuple[float, ...] = DISCOUNTS  #: of the counts in the product


CHOICES = {
    "grimms_fairy_tails": (Choice(1500), Choice(1500, 0.1), Choice(3000, 0.2)),
    "EN_democracy": (Choice(1500), Choice(3000), Choice(6000)),
    "NL_darwin": (Choice(1500), Choice(3000)),
}
CHOSEN = {
    "grimms_fairy_tails": Choice(3000, 0.2),
    "EN_democracy": Choice(6000, again=5100, discounts=LOW),
    "NL_darwin": Choice(3000),
}
OTHER_CHOICES, OTHER_CHOICE, OTHER_STEPS = (Choice(1500), Choice(3000), Choice(3000, 0.2)), Choice(3000), 8435
REFERENCE_STEPS = {"grimms_fairy_tails": 8435, "EN_democracy": 11100, "NL_darwin": 19670}
WINDOWS, OTHER_WINDOW, CHOOSING_SEED, SECOND = {"tinyshakespeare.txt": 256}, 30, 100, 1000
EQUALLY = torch.tensor([[0.5, 0.5]])
WAYS = ("windows", "stream", "counting on")
SAMPLED = (100, 1000, 2000, 5000, 8400)
FIRST: dict[str, Callable[[str], bool]] = {"all": lambda _: True, "capitals": str.isupper, "small letters": str.islower}


class Book:
    """A text in its three parts, with what the counts of n-grams say of each character.

    Args:
        source: the text.
    """

    def __init__(self, source: Source) -> None:
        self.source, self.text = source, source.text
        window = WINDOWS.get(Path(source.name).name, OTHER_WINDOW)
        if int(len(self.text) * 0.1) <= window:
            raise ValueError(
                f"{source.name} has {len(self.text)} characters; a tenth of it must be more than a window of {window}"
            )
        self.cuts = len(self.text) - 2 * int(len(self.text) * 0.1), len(self.text) - int(len(self.text) * 0.1)
        self.tokens = Characters(self.text, 1).tokens
        self.classes, self.window = len(source.alphabet), window

    def mark(self, scale: float = 1.0) -> dict[str, Any]:
        """Return what tells a record of this text, and of this share of the steps, from others."""
        return {"sha256": self.source.sha256, "scale": scale}

    def task(self, settings: Settings, end: int) -> Characters:
        """Return the task on the text before ``end``, with the alphabet of all of it."""
        return Characters(self.text[:end], settings.length, alphabet=self.source.alphabet)

    def part(self, name: str) -> tuple[int, int]:
        """Return the range of the part for validation or of the held-out part."""
        return self.cuts if name == "validation" else (self.cuts[1], len(self.text))

    def predicted(self, part: str, way: str) -> Tensor:
        """Return the positions of a part that are predicted, in the order in which they are read."""
        start, stop = self.part(part)
        if way != "windows":
            return torch.arange(start + 1, stop)
        starts = torch.arange(start, stop - self.window, self.window)
        return (starts[:, None] + torch.arange(1, self.window + 1)).flatten()

    def counts(self, part: str, way: str, discounts: Sequence[float] = DISCOUNTS) -> Said:
        """Return the distributions of the counts on a part; they have all of the text before it."""
        if way == "counting on":
            return self._counting_on(part, discounts)
        positions, (start, _) = self.predicted(part, way).numpy(), self.part(part)
        began = start + (positions - start - 1) // self.window * self.window if way == "windows" else None
        arrays = NGramArrays(self.tokens.numpy(), self.classes, start, discounts)
        return _said(*arrays.distributions(positions, began), len(discounts))

    def _counting_on(self, part: str, discounts: Sequence[float]) -> Said:
        counts, (start, stop) = NGrams(self.classes, discounts), self.part(part)
        counts.add(self.text, 0, start + 1)
        number, found = {character: i for i, character in enumerate(self.source.alphabet)}, []
        for i in range(start + 1, stop):
            found.append(counts.distribution(self.text, i, number))
            counts.add(self.text, i, i + 1)
        return _said(np.stack([one for one, _ in found]), np.array([longest for _, longest in found]), len(discounts))


class Said(NamedTuple):
    """Log-probabilities of characters by the counts."""

    log_probabilities: Tensor  #: (N, C)
    group: Tensor  #: (N,), one more than the longest context that was counted
    groups: int


def _said(probabilities: NDArray[np.float64], longest: NDArray[np.int64], orders: int) -> Said:
    return Said(torch.from_numpy(probabilities).log().float(), torch.from_numpy(longest) + 1, orders + 1)


def bits(log_probabilities: Tensor, targets: Tensor) -> float:
    """Return the bits per character."""
    return float(-log_probabilities.gather(1, targets[:, None]).double().mean()) / math.log(2)


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
        precision=settings.precision,
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
            found = {"windows": evaluation.windows(one, test, book.window), "stream": stream}
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


def of_rows(file: Path, book: str) -> dict[str, Any]:
    """Return the reference's bits as ``text_rows.py`` recorded them, where its last step was its best, else nothing."""
    rows = json.loads(file.read_text(encoding="utf-8")) if file.exists() else []
    for row in rows:
        if row["name"] != f"{book}_2x128_reference" or row["settings"]["seed"] != 0:
            continue
        reports = [{"step": report["step"], "500 windows": report["bits"]} for report in row["reports"]]
        if min(reports, key=lambda one: one["500 windows"]) == reports[-1]:
            best = {"windows": row["bits_in_windows"], "stream": row["bits_in_one_stream"]}
            same = ("accuracy", "multiply_adds", "steps", "seconds", "settings", "machine")
            return {"from": file.name, "reports": reports, "best": best, **{key: row[key] for key in same}}
    return {}


def samples(model: Model, book: Book, step: int) -> dict[str, list[str]]:
    """Return texts of 10, 30 and 60 characters, the likeliest each time, by the set that the first is drawn from."""
    texts = {}
    for name, is_first in FIRST.items():
        if among := "".join(filter(is_first, book.source.alphabet)):
            first = first_character(book.source.alphabet, torch.Generator().manual_seed(step), among)
            texts[name] = [first + "".join(greedy(model, book.source.alphabet, first, n - 1)) for n in (10, 30, 60)]
    return texts


def run_improved(
    book: Book, choice: Choice, seed: int, counts: Callable[[str, str], Said], part: str, work: Path
) -> dict[str, Any]:
    """Return the bits of the improved model on one part; the powers of the products are always of the validation."""
    settings = replace(IMPROVED, seed=seed, dropout=choice.dropout, cosine=choice.steps)
    model, history = trained(settings, book, book.cuts[0], choice.steps, work)
    said = {(one, way): _log_probabilities(model, book, one, way) for one in {"validation", part} for way in WAYS[:2]}
    costs = cost(model, settings, choice.steps, history)
    if choice.again and part == "held-out":
        second, more = run_again(book, replace(settings, cosine=choice.again), work)
        for way in WAYS[:2]:
            said[part, way] = log_product([said[part, way], second[way]], torch.zeros(1, dtype=torch.long), EQUALLY)
        costs |= {key: costs[key] + more[key] for key in ("multiply_adds", "steps", "seconds")}
    last = history.score[-500:]
    costs["discounts"] = list(choice.discounts)
    return {**_read_both(book, said, counts, part), "accuracy": sum(last) / len(last), **costs}


def run_again(book: Book, settings: Settings, work: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what a second network says of the held-out part, trained on all text before it, and what it took."""
    settings = replace(settings, seed=settings.seed + SECOND)
    model, history = trained(settings, book, book.cuts[1], settings.cosine, work.with_stem(f"{work.stem}_again"))
    said = {way: _log_probabilities(model, book, "held-out", way) for way in WAYS[:2]}
    return said, cost(model, settings, settings.cosine, history)


def _read_both(
    book: Book, said: dict[tuple[str, str], Tensor], counts: Callable[[str, str], Said], part: str
) -> dict[str, Any]:
    found: dict[str, float] = {}
    powers: dict[str, list[list[float]]] = {}
    for way in WAYS:
        read = "windows" if way == "windows" else "stream"
        network, validation, own = said[part, read], counts("validation", way), counts(part, way)
        answers = {one: book.tokens[book.predicted(one, way)] for one in ("validation", part)}
        fit_to = fitted_powers(
            [said["validation", read], validation.log_probabilities],
            validation.group,
            answers["validation"],
            count=validation.groups,
        )
        both = log_product([network, own.log_probabilities], own.group, fit_to)
        found[f"LSTM, {read}"] = bits(network, answers[part])
        found[f"counts, {way}"] = bits(own.log_probabilities, answers[part])
        found[f"both, {way}"] = bits(both, answers[part])
        powers[way] = [[round(float(power), 3) for power in pair] for pair in fit_to]
    return {"bits": found, "powers of LSTM and counts": powers}


def _log_probabilities(model: Model, book: Book, part: str, way: str) -> Tensor:
    tokens = book.tokens[slice(*book.part(part))]
    if way == "windows":
        return evaluation.log_probabilities_in_windows(model, tokens, book.window)
    return evaluation.log_probabilities_in_stream(model, tokens)


def cost(model: Model, settings: Settings, steps: int, history: History) -> dict[str, Any]:
    """Return what a training took."""
    return {
        "multiply_adds": multiply_adds(model, steps * settings.batch_size * settings.length),
        "steps": steps,
        "seconds": history.seconds,
        "settings": settings.to_json(),
        "machine": machine(),
    }


def kept(file: Path, key: str, of: dict[str, Any], make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return an entry of a record, made and saved where it is not there yet.

    Raises:
        ValueError: it is of another text of that name, or with other steps, than ``of`` says.
    """
    record = _read(file)
    if record.get(key, {}).get("of", of) != of:  # older entries do not say it
        raise ValueError(f"{file} has {key!r} of another text or with another --scale; choose another --out")
    if key not in record:
        made = {**make(), "of": of}
        record = _read(file) | {key: made}  # what others have added meanwhile is kept
        file.parent.mkdir(parents=True, exist_ok=True)
        _files.write_text(file, json.dumps(record, indent=1, ensure_ascii=False) + "\n", overwrite=True)
    return record[key]


def table(record: dict[str, dict[str, Any]]) -> str:
    """Return a line for each text and way of reading: the reference's best, the counts, and the mean of the seeds."""
    rows = [["text", "read", "reference, best", "counts alone", "LSTM", "both", "seeds"]]
    for text in dict.fromkeys(key.split(" | ")[0] for key in record):
        runs = [run for key, run in record.items() if key.startswith(f"{text} | seed")]
        best, alone = (record.get(f"{text} | {what}", {}) for what in ("reference", "counts"))
        for way in WAYS:
            read = "windows" if way == "windows" else "stream"
            names = (f"LSTM, {read}", f"both, {way}")
            means = [tables.mean_with_interval([run["bits"][n] for run in runs], ".3f") if runs else "" for n in names]
            found = [
                f"{of[key][name]:.3f}" if of else "" for of, key, name in ((best, "best", read), (alone, "bits", way))
            ]
            rows.append([text, way, *found, *means, str(len(runs))])
    return tables.aligned(rows, head=1)


def main(
    out: Path,
    texts: list[str],
    seeds: list[int],
    *,
    reference: bool = True,
    scale: float = 1.0,
    encoding: str = "utf-8",
) -> str:
    """Train what is not finished, save it in ``out``, and return the table."""
    file = out / "held_out.json"
    for name in texts:
        book, title = Book(load(name, encoding)), Path(name).name
        choice = chosen(title, _read(out / "choices.json"))
        again = scaled(scale, choice.again) if choice.again else 0
        _improve(book, title, file, seeds, choice._replace(steps=scaled(scale, choice.steps), again=again), scale)
        if reference:
            steps = scaled(scale, REFERENCE_STEPS.get(title, OTHER_STEPS))
            run = partial(run_reference, book, 0, steps, _work(file, f"{title}_reference"))
            known = of_rows(out / "rows.json", title)
            kept(file, f"{title} | reference", book.mark(scale), partial(dict, known) if known else run)
    return table(_read(file))


def scaled(scale: float, steps: int) -> int:
    """Return a share of the steps, at least one."""
    return max(1, round(scale * steps))


def _improve(book: Book, title: str, file: Path, seeds: Sequence[int], choice: Choice, scale: float) -> None:
    counts = cache(partial(book.counts, discounts=choice.discounts))
    answers = {way: book.tokens[book.predicted("held-out", way)] for way in WAYS}

    def alone() -> dict[str, Any]:
        found = {way: bits(book.counts("held-out", way).log_probabilities, answers[way]) for way in WAYS}
        return {"bits": found, "discounts": list(DISCOUNTS), "window": book.window, "machine": machine()}

    kept(file, f"{title} | counts", book.mark(), alone)
    for seed in seeds:
        work = _work(file, f"{title}_{seed}_of_{choice.steps}")
        run = partial(run_improved, book, choice, seed, counts, "held-out", work)
        kept(file, f"{title} | seed {seed}", book.mark(scale), run)


def choose(out: Path, texts: list[str], scale: float = 1.0, encoding: str = "utf-8") -> str:
    """Compare settings on the validation part of each book, from a seed that is not reported, and return the table."""
    file = out / "choices.json"
    for name in texts:
        book, title = Book(load(name, encoding)), Path(name).name
        counts = cache(book.counts)
        for choice in CHOICES.get(title, OTHER_CHOICES):
            key = _key(title, choice)
            fewer = choice._replace(steps=scaled(scale, choice.steps))
            work = _work(file, f"{title}_{fewer.steps}_{choice.dropout}")
            run = partial(run_improved, book, fewer, CHOOSING_SEED, counts, "validation", work)
            kept(file, key, book.mark(scale), run)
    return choices_table(_read(file))


def chosen(title: str, compared: dict[str, dict[str, Any]]) -> Choice:
    """Return the choice of a book; of an unknown one the best that was compared, with a second network."""
    if title in CHOSEN:
        return CHOSEN[title]
    found = {c: compared[_key(title, c)]["bits"]["both, windows"] for c in OTHER_CHOICES if _key(title, c) in compared}
    best = min(found, key=found.__getitem__) if found else OTHER_CHOICE
    return best._replace(again=best.steps, discounts=LOW)


def _key(title: str, choice: Choice) -> str:
    return f"{title} | {choice.steps} steps, dropout {choice.dropout}"


def choices_table(record: dict[str, dict[str, Any]]) -> str:
    """Return a line for each choice that was compared, with its bits on the validation part."""
    names = ("LSTM, windows", "both, windows", "both, stream", "both, counting on")
    rows = [[*key.split(" | "), *(f"{run['bits'][name]:.3f}" for name in names)] for key, run in record.items()]
    return tables.aligned([["text", "settings", *names], *rows], head=1)


def _work(file: Path, name: str) -> Path:
    """Return the file of a training's checkpoint, in a folder beside the record."""
    (file.parent / "work").mkdir(parents=True, exist_ok=True)
    return file.parent / "work" / f"{name}.pt"


def _read(file: Path) -> dict[str, dict[str, Any]]:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/text_held_out"), help="folder of the records")
    parser.add_argument("--text", nargs="+", default=list(CHOSEN), help="books by name, or files")
    parser.add_argument("--encoding", default="utf-8", help="encoding of the files")
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2], help="trainings of the improved model")
    parser.add_argument("--choose", action="store_true", help="compare settings on the validation part instead")
    parser.add_argument("--no-reference", action="store_true", help="leave the reference's own training out")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the steps of every training")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with refusals(parser, {"encoding": "--encoding"}):
        if options.choose:
            print(choose(options.out, options.text, options.scale, options.encoding))
        else:
            of = {"reference": not options.no_reference, "scale": options.scale, "encoding": options.encoding}
            print(main(options.out, options.text, options.seeds, **of))
