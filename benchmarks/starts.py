"""Start and memory: the library imported and at its first step of training, beside torch and PyG alone.

Each case is a process of its own, and all take turns. Reported are the processor's seconds from the start of Python,
and the megabytes that the process holds at the end (its resident memory, the libraries' code included). A first step is
that of a GCN of two layers on a path of 11 rows, by Adam: of ``fit`` on a task, and of a loop by hand around PyG's.

    OMP_NUM_THREADS=1 python benchmarks/starts.py --out starts.json
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from graphseq.training.history import machine

_BY_PYG = """
import torch
from torch_geometric.nn.models import GCN
path = torch.arange(9)
edges = torch.stack([torch.cat([path, path + 1]), torch.cat([path + 1, path])])
model = GCN(10, 64, 2, 10)
optimizer = torch.optim.Adam(model.parameters())
torch.nn.functional.cross_entropy(model(torch.randn(10, 10), edges)[:1], torch.tensor([3])).backward()
optimizer.step()
"""
_BY_FIT = """
import graphseq as gs
task = gs.tasks.Palindrome(11)
model = gs.nn.Model(gs.nn.GCN(task.in_channels, 64, num_layers=2), task.out_channels)
gs.fit(model, task, steps=1, batch_size=1, optimizer="Adam")
"""
CASES = {
    "Python": "",
    "import torch": "import torch",
    "import torch_geometric": "import torch_geometric",
    "import graphseq": "import graphseq",
    "import graphseq, and its models": "import graphseq as gs; gs.fit; gs.nn.GCN",
    "a first step by PyG": _BY_PYG,
    "a first step of fit": _BY_FIT,
}
_TELL = """
import json, resource, time
with open("/proc/self/statm") as file:
    pages = int(file.read().split()[1])
print(json.dumps({"seconds": time.process_time(), "megabytes": pages * resource.getpagesize() / 2**20}))
"""


def started(code: str) -> dict[str, float]:
    """Return the seconds and the megabytes of a process that runs ``code``."""
    command = [sys.executable, "-c", code + _TELL]
    ended = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - code of ours
    row: dict[str, float] = json.loads(ended.stdout)
    return row


def main() -> None:
    """Measure, print the results, and write them to the file of ``--out``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of turns")
    parser.add_argument("--only", nargs="+", choices=list(CASES), default=list(CASES), metavar="CASE", help="these")
    parser.add_argument("--out", type=Path, help="a JSON file to write")
    options = parser.parse_args()
    if not Path("/proc/self/statm").exists():
        raise SystemExit("this system does not tell the memory of a process in /proc, as Linux does")
    turns = [{name: started(CASES[name]) for name in options.only} for _ in range(options.rounds)]
    results = {
        name: {kind: statistics.median(turn[name][kind] for turn in turns) for kind in ("seconds", "megabytes")}
        for name in options.only
    }
    for name, row in results.items():
        print(f"{name:32} {row['seconds']:5.2f} s, {row['megabytes']:4.0f} MB")
    if options.out:
        record = {"rounds": options.rounds, "results": results, "machine": machine()}
        options.out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
