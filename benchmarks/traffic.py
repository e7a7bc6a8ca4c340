"""Traffic-sized training: the time of an epoch of the GCN-LSTM and the memory that it takes, on a generated recording.

The recording has the size of PEMS-BAY, 325 sensors × 50,000 steps of five minutes, and is *generated*: a daily and a
weekly course with noise that is passed on along a road, by 8 neighbours for each sensor. No real traffic is in it;
what is measured is size. Times are those of the processor, which others on the machine do not lengthen. Of an epoch,
which reads every training window once, some steps are measured and the rest is reckoned.

``python benchmarks/traffic.py`` takes a few minutes of one core and prints JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import torch
from torch import Tensor

import graphseq as gs
from graphseq.training.history import machine


def generated(times: int, sensors: int) -> tuple[Tensor, Tensor]:
    """Return speeds (T, N, 1) with a daily and a weekly course, and edges (2, E) to the 4 sensors on either side."""
    generator = torch.Generator().manual_seed(0)
    step = torch.arange(times)[:, None]
    course = 60 - 12 * (2 * torch.pi * step / 288).sin().clamp(min=0) - 4 * (2 * torch.pi * step / 2016).sin()
    noise = torch.randn(times, sensors, generator=generator)
    smooth = sum(noise.roll(shift, dims=1) for shift in range(-4, 5)) / 3
    near = torch.arange(sensors)
    shifts = [shift for shift in range(-4, 5) if shift]
    edges = torch.cat([torch.stack([near, (near + shift) % sensors]) for shift in shifts], dim=1)
    return (course + 3 * smooth)[..., None], edges


def peak() -> float:
    """Return the most memory that the process has held so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(times: int, sensors: int, hidden: int, batch_size: int, steps: int) -> None:
    """Measure some steps and print what an epoch comes to."""
    x, edges = generated(times, sensors)
    before, began = peak(), time.process_time()
    graph = gs.from_signal((x - x.mean()) / x.std(), edges)
    split = gs.tasks.Forecasting(graph, lags=12, horizon=3).split(0.8, 0.1)
    prepared, with_task = time.process_time() - began, peak()
    model = gs.nn.Model(gs.nn.GCNLSTM(1, hidden), 1)
    gs.fit(model, split.train, steps=2, batch_size=batch_size, stop_threshold=None)
    began = time.process_time()
    gs.fit(model, split.train, steps=steps, batch_size=batch_size, stop_threshold=None)
    each = (time.process_time() - began) / steps
    in_epoch = -(-len(split.train) // batch_size)
    record = {
        **{"sensors": sensors, "times": times, "lags": 12, "hidden": hidden, "batch_size": batch_size},
        **{"prepared_seconds": prepared, "seconds_a_step": each, "steps_in_an_epoch": in_epoch},
        "minutes_an_epoch": each * in_epoch / 60,
        **{"gib_before": before, "gib_with_task": with_task, "gib_trained": peak()},
        "machine": machine("cpu"),
    }
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"times": 50_000, "sensors": 325, "hidden": 16, "batch-size": 64, "steps": 20}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    main(**vars(parser.parse_args()))
