"""The number of previous characters that each family uses to predict the next one.

Causal GCNs of several depths, RNN, GRU, LSTM and the GCN-LSTM that reads the text as a graph that grows are trained on
one book, all with the same hidden units, windows, batches and optimiser. Each then predicts the same held-out
characters from the last 1, 2, … T before them. A model uses no more context than that at which its curve becomes flat;
the numbers in the legend are the context from which on it is within 0.02 bits of its last value. On plain sequences the
GCN-LSTM is the LSTM, weight for weight, and is not drawn.

Result: a GCN of L layers is flat from L + 2 characters on at the latest: L + 1 that it reads, and one more, which shows
it that the first of these is not the beginning. A deep GCN uses fewer than it reads. The recurrent models, which could
use all, are flat from four to five characters on after so short a training, and far below the GCNs.

    python examples/text_context.py --out docs/text_context
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from matplotlib.figure import Figure

from graphseq import _files, fit
from graphseq.cli.messages import refusals
from graphseq.datasets import book
from graphseq.experiments.text.models import build
from graphseq.experiments.text.settings import Settings
from graphseq.tasks import Characters
from graphseq.text import evaluation
from graphseq.training.history import machine
from graphseq.training.lr_schedule import Cosine

COMMON = Settings(hidden=64, layers=1, length=16, batch_size=32, optimizer="Adam", lr=5e-3, every=1)
FAMILIES = {
    "GCN, 1 layer": replace(COMMON, model="GCN", layers=1),
    "GCN, 2 layers": replace(COMMON, model="GCN", layers=2),
    "GCN, 4 layers": replace(COMMON, model="GCN", layers=4),
    "GCN, 8 layers": replace(COMMON, model="GCN", layers=8),
    "RNN": replace(COMMON, model="RNN"),
    "GRU": replace(COMMON, model="GRU"),
    "LSTM": replace(COMMON, model="LSTM"),
    "GCN-LSTM-grown": replace(COMMON, model="GCN-LSTM-grown"),
}
WITHIN = 0.02


def measure(settings: Settings, text: str, steps: int, samples: int) -> dict[str, object]:
    """Train one model; return its bits per character by context, and the context from which on they are flat."""
    task, test = Characters.split(text, settings.length, held_out=settings.held_out)
    model = build(settings, task.out_channels)
    history = fit(
        model,
        task,
        steps=steps,
        batch_size=settings.batch_size,
        optimizer=settings.optimizer,
        lr=settings.lr,
        schedule=Cosine(steps),
        clip=settings.clip,
        seed=settings.seed,
        stop_threshold=None,
    )
    bits = evaluation.by_context(model.eval(), test.tokens, settings.length, most=samples)
    used = next(index for index in range(len(bits)) if max(abs(later - bits[-1]) for later in bits[index:]) <= WITHIN)
    last = history.loss[-steps // 10 :]
    return {
        "bits": bits,
        "used": used + 1,
        "loss": sum(last) / len(last),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "seconds": history.seconds,
        "settings": settings.to_json(),
    }


def figure(results: dict[str, dict[str, object]]) -> Figure:
    """Draw bits per character against context, a curve for each family with a ring where it becomes flat."""
    drawing = Figure(figsize=(8.5, 4.4), layout="constrained")
    panel = drawing.subplots()
    for number, (name, row) in enumerate(results.items()):
        bits, used = row["bits"], row["used"]
        style = {"color": f"C{number}", "linestyle": "--" if name.startswith("GCN, ") else "-"}
        panel.plot(range(1, len(bits) + 1), bits, label=f"{name}: {used}", **style)
        panel.plot(used, bits[used - 1], "o", color=style["color"], fillstyle="none")
    panel.set(xlabel="characters of context shown", ylabel="bits per character, held-out text")
    panel.set_title("Gain from each further character of context")
    title = f"flat (within {WITHIN} bits) from"
    panel.legend(title=title, loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    return drawing


def main(out: Path, text: str, steps: int, samples: int, name: str = "") -> dict[str, dict[str, object]]:
    """Measure what is not in ``out`` yet, draw, save, and return the numbers."""
    out.mkdir(parents=True, exist_ok=True)
    file, config = out / "context.json", {"text": name, "steps": steps, "samples": samples, "within": WITHIN}
    record = json.loads(file.read_text()) if file.exists() else {"config": config, "families": {}}
    if record["config"] != config:
        raise ValueError(f"--out {out} holds other measurements: {record['config']}; name another")
    for family, settings in FAMILIES.items():
        if family not in record["families"]:
            record["families"][family] = measure(settings, text, steps, samples)
            record["machine"] = machine("cpu")
            _files.write_text(file, json.dumps(record, indent=1) + "\n", overwrite=True)
        row = record["families"][family]
        print(
            f"{family:18} uses {row['used']:2} characters: {row['bits'][0]:.3f} bits with one, {row['bits'][-1]:.3f} "
            f"with all {COMMON.length} ({row['parameters']:,} parameters, {row['seconds']:.0f} s)",
            flush=True,
        )
    drawing = figure(record["families"])
    _files.write(out / "context.png", lambda to: drawing.savefig(to, format="png", dpi=150), overwrite=True)
    return record["families"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--book", default="grimms_fairy_tails", help="the name of a book in graphseq.datasets")
    parser.add_argument("--steps", type=int, default=1500, help="training steps of each model")
    parser.add_argument("--samples", type=int, default=2000, help="held-out characters to predict")
    parser.add_argument(
        "--out", type=Path, default=Path("out/text_context"), help="folder for the figure and the record"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    with refusals(parser):
        main(options.out, book(options.book), options.steps, options.samples, options.book)
