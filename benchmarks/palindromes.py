"""The longest palindrome that each recurrent network remembers, and the training that it needs.

The last digit of a palindrome is predicted from the digits before it: a model must remember the first digit and ignore
all others. Each set-up is trained from several seeds with at most 10,000 steps of 128 and tested on new palindromes of
many lengths.

- *Reference*: one model for each length, torch's initial weights, RMSprop, learning rate 0.001, clip 10, 128 units,
  until the last 100 steps average 100 %. Digits as one number, as in the study that this comes from, or one-hot.
- *Reference, He's start*: the same from He's initial weights (``nn.kaiming_``), and the same with the usual bias of 1
  in the LSTM's forget gates. The study does not say which it used; with one number at each step, torch's input weights
  are small.
- *Improved*: one model, a curriculum that doubles the length, Adam, clip 1, and initial weights that suit the cell;
  then tested at lengths far beyond those of training.
- *Trial*: the improved set-up with one part removed or exchanged, to test which parts are needed.

Result: the reference RNN is right up to 14 digits, from some seeds farther; the reference LSTM is not right at 20. From
He's initial weights it is at 30, and with a bias of 1 in its forget gates at 100, too. With a curriculum the gates
learn to close after the first digit, and stay closed for any time; a plain RNN initialised with latching units needs no
gates, and reaches as far. Digits as numbers are told apart by units that latch each at another digit (``nn.latch_``):
RNN and LSTM then need some 260 steps, most of them to confirm each length, and from five seeds each every palindrome of
up to 10,000 digits is right.

A training that is solved leaves out the update of its last step, which no batch would test. The record has both
``last_batches``, the share right in the last 100 batches, each of which is fresh, and ``test``, the accuracy of the
weights at the end on palindromes of a stream of their own. Runs without ``last_batches``, and those of torch's start
and of the improved set-up, were recorded before, with that update.

Run it with ``python benchmarks/palindromes.py --out docs/palindromes``: hours on one core. Each finished run is added
to results.json, a finished run is not repeated, and the table is made of all finished runs. A run of one length that
was stopped goes on from its checkpoint in the folder of ``--checkpoints``. Only one process may use a folder.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from tqdm.auto import tqdm

import graphseq as gs
from graphseq import _files, growing_lengths, nn, seeding
from graphseq.cli.messages import refusals
from graphseq.experiments.models import build_encoder, start_from
from graphseq.tasks import Palindrome
from graphseq.training.history import machine

MODELS = ("RNN", "LSTM", "GRU", "MinGRU", "MinLSTM", "LRU")
HE = "reference, He's start"
HE_BIAS = f"{HE}, forget bias 1"
FIGURE_LENGTHS = (*range(4, 31, 2), 100)
KEYS = ("name", "model", "encoding")
TESTED = (10, 30, 100, 300, 1000, 3000, 10000)


@dataclass(frozen=True)
class Setup:
    """The settings of a run without its seed."""

    name: str  # what figures and tables call it
    model: str
    encoding: str
    lengths: tuple[int, ...]  # trained on, one after another
    tested: tuple[int, ...]
    start: str = "torch"  # initial weights, of the registry of models
    hidden: int = 128
    layers: int = 1
    optimizer: str = "RMSprop"
    lr: float = 1e-3
    clip: float = 10.0
    steps: int = 10_000
    batch_size: int = 128
    advance_threshold: float = (
        0.99  # share right, over the last advance_window steps, at which the next length is begun
    )
    advance_window: int = 20
    stop_window: int = 100  # steps on the last length that must all be right, on average, for it to be solved
    samples: int = 1000  # tested; of long palindromes as many as hold a million digits, at least 200


def reference(model: str, encoding: str, lengths: Iterable[int]) -> list[Setup]:
    """Return the set-ups with a model for each length, as in the study, from torch's initial weights."""
    return [Setup("reference", model, encoding, (length,), (length,)) for length in lengths]


def figures(asked: Sequence[int] = ()) -> list[Setup]:
    """Return the set-ups of the study's figures 1 to 3: digits as one number, He's initial weights, the short first."""
    lengths = {"RNN": FIGURE_LENGTHS, "LSTM": sorted({*FIGURE_LENGTHS, 5})}  # 5, as among the reference's LSTMs below
    lengths = dict.fromkeys(lengths, asked) if asked else lengths
    gated = asked or FIGURE_LENGTHS
    return [
        *(Setup(HE, model, "scalar", (n,), (n,), "kaiming") for model in lengths for n in lengths[model]),
        *(Setup(HE_BIAS, "LSTM", "scalar", (n,), (n,), "kaiming-forget-bias") for n in gated),
    ]


def taught(name: str, model: str, encoding: str, longest: int, **other: Any) -> Setup:
    """Return the set-up with one model, a curriculum up to ``longest``, and tests up to 40 times that."""
    tested = tuple(sorted({*(length for length in TESTED if length <= 40 * longest), longest}))
    settings = {"optimizer": "Adam", "clip": 1.0} | other
    return Setup(name, model, encoding, tuple(growing_lengths(4, longest)), tested, **settings)


def setups(encoding: str, asked: Sequence[int] = ()) -> list[Setup]:
    """Return all set-ups of one encoding, the most important first; where lengths are asked, those of one of them."""
    if asked:
        of_one = [made for model in ("RNN", "LSTM") for made in reference(model, encoding, asked)]
        of_one += figures(asked) if encoding == "scalar" else []
        return of_one + [
            made for made in setups(encoding) if made.lengths in [(n,) for n in asked] and made not in of_one
        ]
    gated = {"hidden": 32 if encoding == "one-hot" else 64, "lr": 3e-3}
    scanned = {"hidden": 32, "layers": 2, "lr": 3e-3, "stop_window": 20}
    longer: dict[str, Any] = {"start": "chrono", "advance_threshold": 0.999, "advance_window": 100}
    # Digits as numbers are told apart by units that latch each at another digit.
    one_hot = encoding == "one-hot"
    latch = "latch" if one_hot else "spread-latch"
    lstm = (2048, longer | gated) if one_hot else (300, {"start": latch, "hidden": 64})
    direct = Setup("trial: no curriculum", "RNN", encoding, (300,), (300,), latch, optimizer="Adam", clip=1.0)
    return [
        *reference("RNN", encoding, (4, 6, 8, 10, 12, 14, 16, 20, 30)),
        taught("improved", "RNN", encoding, 300, start=latch),
        *reference("LSTM", encoding, (5, 10, 20, 30, 100)),
        taught("improved", "LSTM", encoding, lstm[0], **lstm[1]),
        *([] if one_hot else figures()),
        taught("improved", "MinLSTM", encoding, 4096, **scanned),
        taught("improved", "MinGRU", encoding, 1024, **scanned),
        taught("improved", "GRU", encoding, 512, **gated),
        direct,
        taught("trial: torch's start", "RNN", encoding, 300, steps=3000),
        taught("trial: orthogonal", "RNN", encoding, 300, start="orthogonal", lr=3e-4, steps=3000),
        taught("trial: identity", "RNN", encoding, 300, start="identity", steps=3000),
        taught("trial: hurried", "LSTM", encoding, 2048, start="chrono", stop_window=20, **gated),
        taught("trial: taught less far", "LSTM", encoding, 512, **longer, **gated),
        taught("trial: torch's start", "LSTM", encoding, 512, steps=3000, **gated),
        taught("trial: forget bias 1", "LSTM", encoding, 512, start="forget-bias", steps=3000, **gated),
        taught("trial: taught less far", "MinLSTM", encoding, 512, **scanned),
        taught("trial: LRU", "LRU", encoding, 100, steps=3000, **scanned),
    ]


def shortened(setup: Setup, longest: int, steps: int) -> Setup | None:
    """Return the set-up cut to a length and a number of steps; ``None`` where it starts above that length."""
    if setup.lengths[0] > longest:
        return None
    last = min(longest, setup.lengths[-1])
    lengths = growing_lengths(setup.lengths[0], last)
    tested = {length for length in setup.tested if length <= longest} | {last}
    return replace(setup, lengths=tuple(lengths), tested=tuple(sorted(tested)), steps=min(steps, setup.steps))


@contextmanager
def flushed() -> Iterator[None]:
    """Take numbers below the normal ones for 0: a processor needs ten times as long for gradients that vanish."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


@flushed()
def run(setup: Setup, seed: int, checkpoints: Path | None = None) -> dict[str, Any]:
    """Train and test one model on one thread."""
    torch.set_num_threads(1)
    tasks = [Palindrome(length, encoding=setup.encoding) for length in setup.lengths]
    with seeding.forked(seed, seeding.BUILD):
        encoder = build_encoder(setup.model, tasks[0].in_channels, setup.hidden, num_layers=setup.layers)
        start_from(encoder, setup.model, setup.start)
        model = nn.Model(encoder, tasks[0].out_channels)
    stages = trained(model, tasks, setup, seed, checkpoints)
    return {
        "config": config_of(setup, seed),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "steps": sum(stage.steps for stage in stages),
        "seconds": sum(stage.seconds for stage in stages),
        "solved": len(stages) == len(tasks) and stages[-1].solved,
        "stages": [
            {"length": length, "steps": stage.steps, "seconds": stage.seconds, "solved": stage.solved}
            for length, stage in zip(setup.lengths, stages, strict=False)
        ],
        "last_batches": statistics.mean(stages[-1].score[-setup.stop_window :]),
        "test": [tested(model, setup, length, seed) for length in setup.tested],
        "machine": machine(),
    }


def trained(
    model: nn.Model, tasks: Sequence[Palindrome], setup: Setup, seed: int, checkpoints: Path | None
) -> list[gs.History]:
    """Train a model on one length after another; a single one can go on from a checkpoint, with the same batches."""
    settings: dict[str, Any] = {
        name: getattr(setup, name) for name in ("steps", "batch_size", "optimizer", "lr", "clip", "stop_window")
    }
    if len(tasks) > 1 or checkpoints is None:
        advance = {"advance_threshold": setup.advance_threshold, "advance_window": setup.advance_window}
        return gs.fit_curriculum(model, tasks, seed=seed, **advance, **settings)
    checkpoints.mkdir(parents=True, exist_ok=True)
    words = (setup.name, setup.model, setup.encoding, str(setup.lengths[0]), str(seed))
    path = checkpoints / ("_".join(words).replace(" ", "-").replace("'", "").replace(",", "") + ".pt")
    stream = seeding.derive(seed, seeding.TRAIN, 0)  # that of a curriculum's first task
    history = gs.fit(model, tasks[0], seed=stream, checkpoint_path=path, checkpoint_every=200, resume=True, **settings)
    return [history]


def tested(model: nn.Model, setup: Setup, length: int, seed: int) -> dict[str, float]:
    """Return the accuracy on new palindromes of one length."""
    samples = min(setup.samples, max(200, 1_000_000 // length))
    batch_size = max(1, min(250, 250_000 // length))
    task = Palindrome(length, encoding=setup.encoding)
    evaluation = gs.evaluate(model, task, samples=samples, batch_size=batch_size, seed=seed)
    return {
        "length": length,
        "samples": samples,
        "score": evaluation.score,
        "low": evaluation.low,
        "high": evaluation.high,
    }


def config_of(setup: Setup, seed: int) -> dict[str, Any]:
    """Return the JSON object that identifies a run."""
    config: dict[str, Any] = json.loads(json.dumps({**asdict(setup), "seed": seed}))
    return config


def read(out: Path) -> list[dict[str, Any]]:
    """Return the finished runs of a folder."""
    file = out / "results.json"
    return json.loads(file.read_text())["records"] if file.exists() else []


def horizon(tests: Iterable[dict[str, float]], at: float = 0.95) -> int:
    """Return the longest length with at least that accuracy, even if a shorter one has less; 0 if there is none."""
    return max((int(test["length"]) for test in tests if test["score"] >= at), default=0)


def horizons_of(records: Iterable[dict[str, Any]]) -> list[tuple[int, bool]]:
    """Return the horizon of each seed of a set-up, and whether it is a lower bound: it solved the longest it was asked.

    No seed is left out, however far others were asked.
    """
    by_seed: dict[int, list[dict[str, float]]] = {}
    for record in records:
        by_seed.setdefault(record["config"]["seed"], []).extend(record["test"])
    horizons = {seed: horizon(tests) for seed, tests in by_seed.items()}
    ends = {seed: max(int(test["length"]) for test in tests) for seed, tests in by_seed.items()}
    return [(horizons[seed], horizons[seed] == ends[seed]) for seed in by_seed]


def lines(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a line for each set-up: its horizon, as the median and range of the seeds, and the cost of training."""
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for record in records:
        config = record["config"]
        groups.setdefault((config["name"], config["model"], config["encoding"]), []).append(record)
    summaries = []
    for (name, model, encoding), runs in groups.items():
        tests = [test for record in runs for test in record["test"]]
        horizons = sorted(horizons_of(runs))
        (low, low_is_bound), (high, high_is_bound) = horizons[0], horizons[-1]
        median, median_is_bound = horizons[(len(horizons) - 1) // 2]
        longest = max(length for record in runs for length in record["config"]["lengths"])
        there = [test["score"] for test in tests if test["length"] == longest]
        summaries.append(
            {
                "setup": name,
                "model": model,
                "encoding": encoding,
                "parameters": runs[0]["parameters"],
                "seeds": len(horizons),
                "trained_to": longest,
                "tested_to": max(test["length"] for test in tests),
                "score_there": statistics.mean(there),
                "worst_seed_there": min(there),
                "horizon": median,
                "horizon_low": low,
                "horizon_high": high,
                "horizon_is_bound": median_is_bound,
                "horizon_low_is_bound": low_is_bound,
                "horizon_high_is_bound": high_is_bound,
                "steps": statistics.mean(record["steps"] for record in runs),
                "seconds": statistics.mean(record["seconds"] for record in runs),
            }
        )
    return summaries


def told(line: dict[str, Any], key: str) -> str:
    """Return a horizon of a line, with ≥ where the longest length that was asked is solved."""
    return f"{'≥' if line[f'{key}_is_bound'] else ''}{line[key]}"


def table(summaries: Sequence[dict[str, Any]]) -> str:
    """Return the table of the lines."""
    out = [
        f"{'set-up':38}{'model':9}{'digits':9}{'weights':>8}{'seeds':>6}{'trained to':>11}{'right there':>12}"
        f"{'(worst)':>9}{'horizon':>9}{'[seeds]':>18}{'tested to':>10}{'steps':>7}{'seconds':>9}"
    ]
    for line in sorted(summaries, key=lambda line: (line["encoding"], line["setup"], line["model"])):
        span = f"[{told(line, 'horizon_low')}, {told(line, 'horizon_high')}]"
        out.append(
            f"{line['setup']:38}{line['model']:9}{line['encoding']:9}{line['parameters']:8,}{line['seeds']:6}"
            f"{line['trained_to']:11}{line['score_there']:12.1%}{line['worst_seed_there']:9.1%}"
            f"{told(line, 'horizon'):>9}{span:>18}{line['tested_to']:10}{line['steps']:7.0f}{line['seconds']:9.1f}"
        )
    return "\n".join(out)


def check_steps(out: Path, records: Sequence[dict[str, Any]], cases: Sequence[tuple[Setup, int]]) -> None:
    """Refuse runs of a set-up that the folder has with another number of steps: its lines would mix them.

    Raises:
        ValueError: there are such runs.
    """
    steps = {tuple(record["config"][key] for key in KEYS): record["config"]["steps"] for record in records}
    for setup, _ in cases:
        key = tuple(getattr(setup, name) for name in KEYS)
        if steps.get(key, setup.steps) != setup.steps:
            raise ValueError(
                f"{out} has runs of {', '.join(key)} with at most {steps[key]:,} steps; choose another --out for "
                f"--steps {setup.steps}"
            )


def main(out: Path, cases: Sequence[tuple[Setup, int]], jobs: int = 1, checkpoints: Path | None = None) -> str:
    """Run what is not finished, add each run to ``out``/results.json, and return the table of all finished runs."""
    records = read(out)
    check_steps(out, records, cases)
    out.mkdir(parents=True, exist_ok=True)
    done = [record["config"] for record in records]
    unfinished = [case for case in cases if config_of(*case) not in done]
    work = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(run)(*case, checkpoints) for case in unfinished
    )
    for record in tqdm(work, total=len(unfinished), unit="run", disable=not unfinished):
        records.append(record)
        summaries = lines(records)
        whole = {"table": table(summaries).splitlines(), "lines": summaries, "records": records}
        _files.write_text(out / "results.json", json.dumps(whole, indent=1) + "\n", overwrite=True)
    return table(lines(records))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/palindromes"), help="folder for results.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4], help="runs of each set-up")
    encodings = ["scalar", "one-hot"]
    parser.add_argument("--encoding", nargs="+", default=encodings, choices=encodings, help="how a digit enters")
    parser.add_argument("--model", nargs="+", default=list(MODELS), choices=list(MODELS), help="only these")
    parser.add_argument("--name", default="", help="only set-ups whose name begins so, such as reference")
    parser.add_argument("--length", type=int, nargs="+", default=[], help="set-ups of these lengths alone")
    parser.add_argument("--checkpoints", type=Path, help="folder where trainings of one length are saved as they go")
    parser.add_argument("--longest", type=int, default=10_000, help="teach and test up to here at most")
    parser.add_argument("--steps", type=int, default=10_000, help="train with so many steps at most")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time, each on one thread")
    options = parser.parse_args()
    with refusals(parser):
        if any(length < 2 for length in options.length):
            raise ValueError(f"--length must be at least 2, the first digit and the last; got {min(options.length)}")
        chosen = [
            short
            for encoding in options.encoding
            for setup in setups(encoding, options.length)
            if setup.model in options.model and setup.name.startswith(options.name)
            if (short := shortened(setup, options.longest, options.steps)) is not None
        ]
        if not chosen:
            named = ", ".join(sorted({setup.name for encoding in options.encoding for setup in setups(encoding)}))
            raise ValueError(f"no set-up has this --name, --model and --length; the names are {named}")
        runs = [(setup, seed) for seed in options.seeds for setup in chosen]
        print(main(options.out, runs, options.jobs, options.checkpoints))
