"""The gradient of the loss with respect to every intermediate state, over time steps and over layers.

An untrained network of 128 units predicts the last digit of a palindrome, which equals the first, and the gradient of
the loss is taken with respect to the state after each step, for digits one-hot and digits as one number. It is largest
at the end and shrinks backwards by a constant factor at each step. Over 10 digits some hundredth of it reaches the
first state of the RNN, and less that of the LSTM, whose forget gates are half open; over 100 digits nothing is left of
either. Numbers up to 9 push the units of the RNN towards saturation, where its gradient vanishes faster. Training opens
the gates.

After training with a curriculum over length (one-hot, 32 units), both solve the task: the RNN initialised with latching
units, the LSTM with gates for long memory. The gradient of the LSTM's cell hardly shrinks over 100 digits. The RNN
remembers the digit as well, but its gradient vanishes: a saturated unit passes no gradient on.

For a GCN the same is done with the state after each layer, on a ring, for the row opposite the source. The gradient
also shrinks by a constant factor at each layer. Rows that the class has not reached yet have state 0, where ReLU
passes no gradient. All curves are means over draws of the weights, 1,000 at 10 digits and for the GCN, 100 at 100
digits.

Run it with ``python examples/gradients.py``; it takes ten minutes, goes on where it was stopped, and writes
gradients.png and gradients.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from matplotlib.figure import Figure

import graphseq as gs
from graphseq import _files, plot, reach, seeding
from graphseq.cli.messages import refusals
from graphseq.training.history import machine

LONG = 10  # digits, above which a tenth of the draws is measured
Encoding = Literal["one-hot", "scalar"]
UNTRAINED, HIDDEN, LAYERS = 128, 32, 8  # units of the untrained networks and of all others, and layers of the GCN
ENCODINGS: dict[Encoding, str] = {"one-hot": "one-hot", "scalar": "one number each"}
Curves = dict[str, list[float]]


def over_time(length: int, draws: int, encoding: Encoding = "one-hot", trained: bool = False) -> Curves:
    """Return the mean norm of the gradient with respect to h after each step, and for the LSTM to its cell as well."""
    task = gs.tasks.Palindrome(length, encoding=encoding)
    norms: dict[str, list[torch.Tensor]] = {"RNN": [], "LSTM, h": [], "LSTM, cell": []}
    for draw in range(draws):
        rnn, lstm = (model(cell, task, draw, trained).double() for cell in (gs.nn.RNN, gs.nn.LSTM))
        norms["RNN"].append(reach.state_gradients(rnn, task, samples=10, seed=draw).norm)
        parts = reach.state_gradients(lstm, task, samples=10, seed=draw).parts
        norms["LSTM, h"].append(parts[:, 0])
        norms["LSTM, cell"].append(parts[:, 1])
    return {name: torch.stack(draws_of).mean(dim=0).tolist() for name, draws_of in norms.items()}


def model(cell: type[gs.nn.RNN | gs.nn.LSTM], task: gs.tasks.Palindrome, draw: int, trained: bool) -> gs.nn.Model:
    """Return a model with torch's initial weights or, initialised for long memory, trained up to the task's length."""
    length = task.length
    with seeding.forked(draw, seeding.BUILD):
        encoder = cell(task.in_channels, HIDDEN if trained else UNTRAINED)
        network = gs.nn.Model(encoder, task.out_channels)
        if not trained:
            return network
        if isinstance(encoder, gs.nn.RNN):
            gs.nn.identity_(encoder, gain=2.0)
        else:
            gs.nn.chrono_(encoder, longest=max(length, 3))
    tasks = [gs.tasks.Palindrome(digits) for digits in gs.growing_lengths(3, length)]
    stages = gs.fit_curriculum(
        network, tasks, steps=3000, optimizer="Adam", lr=3e-3, clip=1.0, seed=draw, stop_window=20
    )
    if not stages[-1].solved or len(stages) < len(tasks):
        raise RuntimeError(f"draw {draw} of {cell.__name__} is not solved at {length} digits within 3,000 steps")
    return network


def over_layers(draws: int) -> Curves:
    """Return the mean norm of the gradient after each layer: for all rows, for the target row, and for the source."""
    task = gs.tasks.Transfer(LAYERS + 1, shape="ring")
    norms: dict[str, list[torch.Tensor]] = {"all rows": [], "target row": [], "source row": []}
    for draw in range(draws):
        with seeding.forked(draw, seeding.BUILD):
            model = gs.nn.Model(gs.nn.GCN(task.in_channels, HIDDEN, LAYERS), task.out_channels)
        graph = task.batch(1, torch.Generator().manual_seed(draw))
        rows = reach.row_gradients(model, graph, task.loss)
        norms["all rows"].append(rows.norm(dim=1))
        norms["target row"].append(rows[:, int(graph.target_rows[0])])
        norms["source row"].append(rows[:, int(task.relevant_nodes(graph)[0].nonzero()[0])])
    return {name: torch.stack(draws_of).mean(dim=0).tolist() for name, draws_of in norms.items()}


def figure(untrained: dict[Encoding, dict[int, Curves]], trained: dict[int, Curves], layers: Curves) -> Figure:
    """Draw a column for each length, untrained above by encoding and trained below, and one for the layers."""
    rows = [(f"{ENCODINGS[encoding]}, untrained", curves) for encoding, curves in untrained.items()]
    rows.append(("one-hot, trained", trained))
    drawing = Figure(figsize=(4.5 * (len(trained) + 1), 3.3 * len(rows)), layout="constrained")
    grid = drawing.add_gridspec(len(rows), len(trained) + 1)
    for row, (label, by_length) in enumerate(rows):
        for column, (length, curves) in enumerate(by_length.items()):
            panel = drawing.add_subplot(grid[row, column])
            plot.draw_over_layers(panel, curves, ylabel="‖∂ loss / ∂ state‖")
            panel.set(title=f"{length} digits, {label}", xlabel="after time step")
    panel = drawing.add_subplot(grid[:2, -1])
    plot.draw_over_layers(panel, layers, ylabel="‖∂ loss / ∂ state‖")
    panel.set_title(f"GCN of {LAYERS} layers, {LAYERS} hops, untrained")
    return drawing


def main(
    out: Path, draws: int = 1000, lengths: tuple[int, ...] = (10, 100), overwrite: bool = False, trained: int = 5
) -> list[Path]:
    """Measure, draw and save; return the paths of the files."""
    files = [out / "gradients.png", out / "gradients.json"]
    existing = [str(file) for file in files if file.exists()]
    if existing and not overwrite:
        raise FileExistsError(f"{', '.join(existing)} already there; choose another --out, or add --overwrite")
    out.mkdir(parents=True, exist_ok=True)
    drawn = {length: draws if length <= LONG else -(-draws // 10) for length in lengths}
    parts, config = out / "parts.json", {"draws": list(drawn.values()), "trained": trained, "lengths": list(lengths)}
    config |= {"untrained_hidden": UNTRAINED, "hidden": HIDDEN, "layers": LAYERS}
    time: dict[Encoding, dict[int, Curves]] = {encoding: {} for encoding in ENCODINGS}
    time_trained: dict[int, Curves] = {}
    for length in lengths:
        for encoding in ENCODINGS:
            measure = partial(over_time, length, drawn[length], encoding)
            time[encoding][length] = kept(parts, config, f"{encoding}, {length}", measure)
        time_trained[length] = kept(
            parts, config, f"trained, {length}", partial(over_time, length, trained, trained=True)
        )
    layers = kept(parts, config, "layers", partial(over_layers, draws))
    drawing = figure(time, time_trained, layers)
    _files.write(files[0], lambda file: drawing.savefig(file, format="png", dpi=150), overwrite=overwrite)
    record = {"config": config, "machine": machine("cpu"), "over_time": time, "after_training": time_trained}
    _files.write_text(files[1], json.dumps(record | {"over_layers": layers}, indent=1) + "\n", overwrite=overwrite)
    parts.unlink()
    print(f"wrote {files[0]} and {files[1]}")
    return files


def kept(parts: Path, config: dict[str, object], name: str, measure: Callable[[], Curves]) -> Curves:
    """Return a part of the figure from the file of parts, where it is measured and saved first if it is not there."""
    empty: dict[str, Any] = {"config": config}
    done = json.loads(parts.read_text()) if parts.exists() else empty
    if done["config"] != config:
        raise FileExistsError(f"{parts} is of another setting, {done['config']}; remove it, or choose another --out")
    if name not in done:
        done[name] = measure()
        _files.write_text(parts, json.dumps(done) + "\n", overwrite=True)
    curves: Curves = done[name]
    return curves


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/gradients"), help="folder for the figure and the record")
    parser.add_argument(
        "--draws", type=int, default=1000, help="networks to average over, a tenth of them above 10 digits"
    )
    parser.add_argument("--trained", type=int, default=5, help="networks to train and average over")
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    arguments = parser.parse_args()
    with refusals(parser):
        main(arguments.out, arguments.draws, overwrite=arguments.overwrite, trained=arguments.trained)
