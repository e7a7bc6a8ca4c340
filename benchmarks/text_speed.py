"""The cost of training and generation on texts, over bare loops of torch's own modules.

Training: two layers of 128 units, windows of 30 characters, 64 at a time. Ours is ``graphseq.fit`` on ``Characters``,
as in ``text train``. The bare loop draws windows at random offsets from the same tokens, runs ``nn.LSTM``,
``nn.Linear`` and the loss, clips, and steps with the same optimiser; it records the loss of each step and nothing else.
Ours should have at least 95 % of its throughput.

Generation: ours is ``generate``. The bare loop has ``nn.LSTMCell`` for each layer and ``nn.Linear``, and draws with
``torch.multinomial``. Ours should have at least half of its speed, and writes the same characters.

Both are timed in turn, in one process on one thread, after one run of each that is not counted.

    python benchmarks/text_speed.py --out docs/text/speed.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

import graphseq as gs
from graphseq import _files
from graphseq.experiments.text.models import build
from graphseq.experiments.text.settings import Settings
from graphseq.text import generate
from graphseq.training.history import machine

ALPHABET = "".join(map(chr, range(33, 33 + 87)))  # as many as the reference's book has
SETTINGS = Settings()


def text(characters: int = 100_000) -> str:
    """Return random characters; the time does not depend on the text."""
    tokens = torch.randint(len(ALPHABET), (characters,), generator=torch.Generator().manual_seed(0))
    return "".join(ALPHABET[token] for token in tokens.tolist())


def train_ours(task: gs.tasks.Characters, steps: int) -> float:
    """Return the seconds of ``fit``."""
    model, start = build(SETTINGS, len(ALPHABET)), time.perf_counter()
    gs.fit(
        model,
        task,
        steps=steps,
        batch_size=SETTINGS.batch_size,
        lr=SETTINGS.lr,
        clip=SETTINGS.clip,
        stop_threshold=None,
    )
    return time.perf_counter() - start


def train_bare(tokens: Tensor, steps: int) -> float:
    """Return the seconds of the loop by hand."""
    size, length, classes = SETTINGS.batch_size, SETTINGS.length, len(ALPHABET)
    lstm, head = nn.LSTM(classes, SETTINGS.hidden, SETTINGS.layers), nn.Linear(SETTINGS.hidden, classes)
    parameters = [*lstm.parameters(), *head.parameters()]
    optimizer, losses = torch.optim.RMSprop(parameters, lr=SETTINGS.lr), []
    start = time.perf_counter()
    for _ in range(steps):
        window = tokens[torch.randint(len(tokens) - length, (size,)) + torch.arange(length + 1)[:, None]]
        optimizer.zero_grad()
        states, _ = lstm(one_hot(window[:-1], classes).float())
        loss = cross_entropy(head(states).flatten(0, 1), window[1:].flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, SETTINGS.clip)
        optimizer.step()
        losses.append(loss.item())
    return time.perf_counter() - start


def write_ours(model: gs.nn.Model, length: int) -> tuple[float, str]:
    """Return the seconds of ``generate``, and its text."""
    generator, start = torch.Generator().manual_seed(1), time.perf_counter()
    written = "".join(generate(model, ALPHABET, ALPHABET[0], length, generator=generator))
    return time.perf_counter() - start, written


@torch.no_grad()
def write_bare(model: gs.nn.Model, length: int) -> tuple[float, str]:
    """Return the seconds of the loop by hand with the same weights, and its text."""
    cells, head, size = [], model.head.lin, SETTINGS.hidden
    for layer in model.encoder.kernel.all_weights:
        cells.append(nn.LSTMCell(layer[0].shape[1], size))
        for parameter, weight in zip(cells[-1].parameters(), layer, strict=True):
            parameter.copy_(weight)
    state = [(torch.zeros(1, size), torch.zeros(1, size)) for _ in cells]
    generator, token, written = torch.Generator().manual_seed(1), 0, []
    start = time.perf_counter()
    for _ in range(length):
        x = torch.zeros(1, len(ALPHABET))
        x[0, token] = 1
        for number, cell in enumerate(cells):
            state[number] = cell(x, state[number])
            x = state[number][0]
        token = int(torch.multinomial(head(x).softmax(1)[0], 1, generator=generator))
        written.append(ALPHABET[token])
    return time.perf_counter() - start, "".join(written)


def compared(ours: Callable[[], float], bare: Callable[[], float], characters: int, repeats: int) -> dict[str, float]:
    """Return the characters per second of both, in turn, and the quartiles of the ratio of ours to the bare loop."""
    ours(), bare()
    pairs = [(ours(), bare()) for _ in range(repeats)]
    low, middle, high = statistics.quantiles((bare / ours for ours, bare in pairs), n=4)
    return {
        "ours": characters / statistics.median(ours for ours, _ in pairs),
        "bare": characters / statistics.median(bare for _, bare in pairs),
        "ratio": middle,
        "ratio_low": low,
        "ratio_high": high,
    }


def main(steps: int, length: int, repeats: int) -> dict[str, dict[str, float]]:
    """Run both comparisons."""
    task, model = gs.tasks.Characters(text(), SETTINGS.length, alphabet=ALPHABET), build(SETTINGS, len(ALPHABET))
    if write_ours(model, 50)[1] != write_bare(model, 50)[1]:
        raise RuntimeError("the two loops write different texts, so their times say nothing of one another")
    read = steps * SETTINGS.batch_size * SETTINGS.length
    return {
        "training": compared(lambda: train_ours(task, steps), lambda: train_bare(task.tokens, steps), read, repeats),
        "writing": compared(
            lambda: write_ours(model, length)[0], lambda: write_bare(model, length)[0], length, repeats
        ),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20, help="steps in a timed training")
    parser.add_argument("--length", type=int, default=1000, help="characters in a timed text")
    parser.add_argument("--repeats", type=int, default=21, help="timed runs of each")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results = main(options.steps, options.length, options.repeats)
    for name, row in results.items():
        print(
            f"{name:9} ours {row['ours']:,.0f}, bare {row['bare']:,.0f} characters a second, ratio {row['ratio']:.3f} "
            f"(middle half {row['ratio_low']:.3f} to {row['ratio_high']:.3f})"
        )
    if options.out:
        config = {"steps": options.steps, "length": options.length, "repeats": options.repeats}
        record = {"config": config, "settings": SETTINGS.to_json(), "results": results, "machine": machine()}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        _files.write_text(options.out, json.dumps(record, indent=1) + "\n", overwrite=True)
