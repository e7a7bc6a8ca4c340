"""Set-ups for training on a text at the reference's size: one change at a time, each for a short training.

Two layers of 128 units on grimms_fairy_tails, windows of 30 characters, 64 at a time, as in the reference. The set-ups
differ in the optimiser, in the schedule of its learning rate, and in the initial weights. Loss and accuracy are the
means over the batches of the last tenth of the steps. The best set-up for a short training need not be the best for a
long one; ``text_rows.py`` has the long ones.

    python benchmarks/text_setups.py --out docs/text                what is not finished; each finished set-up is saved
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from graphseq import _files, fit
from graphseq.datasets import book
from graphseq.experiments.text.models import build
from graphseq.experiments.text.settings import Settings
from graphseq.experiments.text.train import schedule
from graphseq.tasks import Characters
from graphseq.text import evaluation
from graphseq.training.history import machine

BOOK = "grimms_fairy_tails"


def setups(steps: int) -> dict[str, Settings]:
    """Return the set-ups by the change that they make, the reference's first."""
    reference = Settings()
    fading = replace(reference, decay=1.0, cosine=steps)
    scaled = replace(fading, start="scaled")
    adam = replace(scaled, optimizer="Adam")
    return {
        "reference: RMSprop at 2e-3": reference,
        "cosine": fading,
        "cosine, 4e-3": replace(fading, lr=4e-3),
        "cosine, 8e-3": replace(fading, lr=8e-3),
        "cosine, 8e-3, scaled start": replace(scaled, lr=8e-3),
        "cosine, 16e-3, scaled start": replace(scaled, lr=16e-3),
        "cosine, 8e-3, scaled start, warm-up of 100": replace(scaled, lr=8e-3, warmup=100),
        "Adam, cosine, 8e-3, scaled start": replace(adam, lr=8e-3),
        "Adam, cosine, 16e-3, scaled start": replace(adam, lr=16e-3),
        "cosine, 8e-3, scaled start, dropout 0.2": replace(scaled, lr=8e-3, dropout=0.2),
    }


def run(settings: Settings, text: str, steps: int) -> dict[str, object]:
    """Train one set-up, and return its results."""
    task, test = Characters.split(text, settings.length, held_out=settings.held_out)
    model = build(settings, task.out_channels)
    history = fit(
        model,
        task,
        steps=steps,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer,
        lr=settings.lr,
        schedule=schedule(settings),
        clip=settings.clip,
        seed=settings.seed,
        stop_threshold=None,
    )
    last = max(1, steps // 10)
    return {
        "loss": sum(history.loss[-last:]) / last,
        "accuracy": sum(history.score[-last:]) / last,
        "bits": evaluation.windows(model.eval(), test.tokens, settings.length),
        "seconds": history.seconds,
        "settings": settings.to_json(),
    }


def main(out: Path, steps: int, text: str) -> dict[str, dict[str, object]]:
    """Train what is not finished, print the table, and save it in ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    file, config = out / "setups.json", {"book": BOOK, "steps": steps}
    record = json.loads(file.read_text()) if file.exists() else {"config": config, "machine": machine(), "setups": {}}
    if record["config"] != config:
        raise ValueError(f"--out {out} holds other trainings: {record['config']}; name another")
    for name, settings in setups(steps).items():
        if name not in record["setups"]:
            record["setups"][name] = run(settings, text, steps)
            _files.write_text(file, json.dumps(record, indent=1) + "\n", overwrite=True)
        row = record["setups"][name]
        print(f"{name:45} {row['accuracy']:.2%}  {row['loss']:.3f} nats  {row['bits']:.3f} bits held out", flush=True)
    return record["setups"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600, help="of each training")
    parser.add_argument("--out", type=Path, default=Path("out/text_setups"), help="folder of setups.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    main(options.out, options.steps, book(BOOK))
