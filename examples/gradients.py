"""What training hears: the gradient of the loss in every state on the way, over time steps and over layers.

An untrained network is asked the last digit of a palindrome, which its first row shows, and the gradient of that loss
is taken in what the network remembers after each step. It is largest at the end and fades going back by a constant
factor a step. Over 100 digits nothing is left of it; and an LSTM as it is drawn, its forget gates half open, fades
faster than a vanilla RNN. What makes the difference between them is what training does to those gates.

After training, both solve it: the RNN that began as units which latch, the LSTM with gates for long times, taught by a
curriculum over length. What the LSTM learns it still hears: the gradient in its cell hardly fades over 100 digits. The
RNN holds the digit as well and no longer hears it: a unit that nothing can push over passes no gradient on either.

A GCN's twin of that picture is the gradient in the state after each layer, on a ring where the row across is asked.
It too fades by a constant factor a layer, and it goes back along one way only: rows that the class has not come to
yet hold exactly 0, where a ReLU lets nothing through. Means over draws of the weights.

Run it with ``python examples/gradients.py``; it takes some minutes and writes gradients.png and gradients.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from matplotlib.figure import Figure

import graphseq as gs
from graphseq import _files, plot, reach, seeding
from graphseq.training.history import machine

HIDDEN, LAYERS = 32, 8
Curves = dict[str, list[float]]


def over_time(length: int, draws: int, trained: bool = False) -> Curves:
    """Mean norm of the gradient in h after each step, and for the LSTM in its cell as well."""
    task = gs.tasks.Palindrome(length)
    found: dict[str, list[torch.Tensor]] = {"RNN": [], "LSTM, h": [], "LSTM, cell": []}
    for draw in range(draws):
        rnn, lstm = (model(cell, length, draw, trained).double() for cell in (gs.nn.RNN, gs.nn.LSTM))
        found["RNN"].append(reach.state_gradients(rnn, task, samples=10, seed=draw).norm)
        parts = reach.state_gradients(lstm, task, samples=10, seed=draw).parts
        found["LSTM, h"].append(parts[:, 0])
        found["LSTM, cell"].append(parts[:, 1])
    return {name: torch.stack(each).mean(dim=0).tolist() for name, each in found.items()}


def model(cell: type[gs.nn.RNN | gs.nn.LSTM], length: int, draw: int, trained: bool) -> gs.nn.Model:
    """Torch's first weights; or, trained, a start for long memories and a curriculum up to this length."""
    with seeding.forked(draw, seeding.BUILD):
        encoder = cell(10, HIDDEN)
        found = gs.nn.Model(encoder, 10)
        if not trained:
            return found
        if isinstance(encoder, gs.nn.RNN):
            gs.nn.identity_(encoder, gain=2.0)
        else:
            gs.nn.chrono_(encoder, longest=max(length, 3))
    tasks = [gs.tasks.Palindrome(each) for each in gs.growing_lengths(3, length)]
    stages = gs.fit_curriculum(found, tasks, steps=3000, optimizer="Adam", lr=3e-3, clip=1.0, seed=draw, stop_window=20)
    if not stages[-1].solved or len(stages) < len(tasks):
        raise RuntimeError(f"draw {draw} of {cell.__name__} is not solved at {length} digits within 3,000 steps")
    return found


def over_layers(draws: int) -> Curves:
    """Mean norm of the gradient in the state after each layer: of all rows, of the row asked, and of the source."""
    task = gs.tasks.Transfer(LAYERS + 1, shape="ring")
    found: dict[str, list[torch.Tensor]] = {"all rows": [], "row asked": [], "source row": []}
    for draw in range(draws):
        with seeding.forked(draw, seeding.BUILD):
            model = gs.nn.Model(gs.nn.GCN(task.in_channels, HIDDEN, LAYERS), task.out_channels)
        graph = task.batch(1, torch.Generator().manual_seed(draw))
        rows = reach.row_gradients(model, graph, task.loss)
        found["all rows"].append(rows.norm(dim=1))
        found["row asked"].append(rows[:, int(graph.target_rows[0])])
        found["source row"].append(rows[:, int(task.relevant_nodes(graph)[0].nonzero()[0])])
    return {name: torch.stack(each).mean(dim=0).tolist() for name, each in found.items()}


def figure(untrained: dict[int, Curves], trained: dict[int, Curves], layers: Curves) -> Figure:
    """A column for each length, untrained above and trained below, and one for the layers."""
    drawing = Figure(figsize=(4.5 * (len(untrained) + 1), 6.6), layout="constrained")
    grid = drawing.add_gridspec(2, len(untrained) + 1)
    for row, (said, found) in enumerate({"untrained": untrained, "trained": trained}.items()):
        for column, (length, curves) in enumerate(found.items()):
            panel = drawing.add_subplot(grid[row, column])
            plot.draw_over_layers(panel, curves, ylabel="‖∂ loss / ∂ state‖")
            panel.set(title=f"{length} digits, one-hot, {said}", xlabel="after time step")
    panel = drawing.add_subplot(grid[:, -1])
    plot.draw_over_layers(panel, layers, ylabel="‖∂ loss / ∂ state‖")
    panel.set_title(f"GCN of {LAYERS} layers, {LAYERS} hops, untrained")
    return drawing


def main(
    out: Path, draws: int = 100, lengths: tuple[int, ...] = (10, 100), overwrite: bool = False, trained: int = 5
) -> list[Path]:
    """Measure, draw, write, and return where it is."""
    files = [out / "gradients.png", out / "gradients.json"]
    there = [str(file) for file in files if file.exists()]
    if there and not overwrite:
        raise FileExistsError(f"{', '.join(there)} already there; choose another --out, or add --overwrite")
    time = {length: over_time(length, draws) for length in lengths}
    after = {length: over_time(length, trained, trained=True) for length in lengths}
    layers = over_layers(draws)
    out.mkdir(parents=True, exist_ok=True)
    drawing = figure(time, after, layers)
    _files.write(files[0], lambda file: drawing.savefig(file, format="png", dpi=150), overwrite=overwrite)
    config = {"draws": draws, "trained": trained, "lengths": list(lengths), "hidden": HIDDEN, "layers": LAYERS}
    record = {"config": config, "machine": machine("cpu"), "over_time": time, "after_training": after}
    _files.write_text(files[1], json.dumps(record | {"over_layers": layers}, indent=1) + "\n", overwrite=overwrite)
    print(f"wrote {files[0]} and {files[1]}")
    return files


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out/gradients"), help="folder for picture and numbers")
    parser.add_argument("--draws", type=int, default=100, help="networks to average over")
    parser.add_argument("--trained", type=int, default=5, help="networks to train and average over")
    parser.add_argument("--overwrite", action="store_true", help="replace what is already there")
    arguments = parser.parse_args()
    try:
        main(arguments.out, arguments.draws, overwrite=arguments.overwrite, trained=arguments.trained)
    except FileExistsError as refusal:
        parser.error(str(refusal))
