"""The page of the long-range suite, docs/results/longrange.md, made from its records alone.

Run it with ``python benchmarks/longrange_page.py``: no training, a second. It reads docs/longrange/*/results.json and
table.txt, and what the tables do not hold is said with the command that runs it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from graphseq import _files
from graphseq.experiments.longrange.suite import BENCHMARKS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "longrange"
PAGE = ROOT / "docs" / "results" / "longrange.md"

_HEAD = """# Long range, with floors

`python -m graphseq longrange` trains families of models on long-range benchmarks at equal budgets of parameters and
steps, chooses each family's layers and learning rate on the validation part by one search, and shows the test part
beside the floors of the task (models that look at no neighbour) and published numbers, which stand in a file of their
own with their sources. Its figures show the error against the hops that a question needs, with each model's reach. This
page is made by `python benchmarks/longrange_page.py`.

## Published graph transfer is solved without a neighbour

Every row is asked for a number, and in all twelve published sets that number is a function of the row's own input: 1
where it is 0, its own elsewhere (in `line 50` also 0 where it is 1). The rule's test error is exactly 0. The published
loader asks for 'val' where it compares with 'valid', so that its validation part is the test part.

```
$ python benchmarks/graph_transfer.py --data data.zip --out docs/longrange/graph_transfer

{transfer}
```

![Published errors and floors against hops, for line, ring and crossed ring](../longrange/graph_transfer/figure.png)

`gs.diagnose` finds it out by itself, from a GCN of ten layers on the ring of 10 hops: a cheap reader that is shown no
neighbour scores far above chance, and no hops are needed.

```
{diagnosis}
```

At 50 hops of a ring a multilayer perceptron that reads a row's own input has an error of {blind}, where the published
GCN has {gcn}, A-DGN {adgn} and SWAN {swan}; copying the input has {copied}. `gs.tasks.GraphTransfer` is the task
repaired: the source's number is drawn anew, only the target is asked, and its own input is the same in every graph, so
that a model that sees one hop less than needed has at best the error 1/12 of the constant.
"""


FINDINGS = {
    "echo": [
        "- Shortest paths: beyond its reach of 16 hops no stack knows a distance; the error grows a hop with each hop.",
        "- Eccentricity: all four families have the mean error of the best constant to within 0.05 hops.",
        "",
    ],
    "transfer": [
        "- In 300 steps three hops are learnt and five are not, though every stack sees as many hops as are needed.",
        "",
    ],
}
"""Findings that the tables and figures show, by record."""


def read(name: str) -> dict[str, Any]:
    """Return the record of a folder of docs/longrange."""
    record: dict[str, Any] = json.loads((FOLDER / name / "results.json").read_text(encoding="utf-8"))
    return record


def section(title: str, name: str) -> str:
    """Return the section of one record of the command: what was run, its tables and figures."""
    record = read(name)
    settings = record["config"]["settings"]
    seeds = len(settings["seeds"])
    table = (FOLDER / name / "table.txt").read_text(encoding="utf-8").rstrip()
    lines = [f"## {title}", ""]
    notes = dict.fromkeys(BENCHMARKS[line["benchmark"]].note for line in record["lines"])
    lines += [" ".join(notes), ""]
    searched = f"{len(settings['lrs'])} learning rate{'s' if len(settings['lrs']) > 1 else ''}"
    lines += [
        f"{seeds} seeds, {settings['steps']:,} steps of {settings['batch_size']} graphs, at most "
        f"{settings['parameters']:,} parameters, {searched}: a start, not a finding where intervals overlap. "
        f"{record['cpu_seconds']:,.0f} CPU seconds in all.",
        "",
        "```",
        f"$ {record['config']['command']}",
        "",
        *(line.rstrip() for line in table.splitlines()),
        "```",
        "",
    ]
    lines += FINDINGS.get(name, [])
    for figure in sorted((FOLDER / name).glob("*.png")):
        shown = figure.stem.replace("_", " ")
        lines.append(f"![Error against hops needed: {shown}](../longrange/{name}/{figure.name})")
        lines.append("")
    return "\n".join(lines)


def not_run(records: list[dict[str, Any]]) -> str:
    """Return which benchmarks no record holds, with the command that runs them."""
    done = {line["benchmark"] for record in records for line in record["lines"]}
    missing = [name for name in BENCHMARKS if name not in done]
    kinds = dict.fromkeys(name.rstrip("0123456789").strip() for name in missing)
    listed = "\n".join(f'python -m graphseq longrange --benchmark "{kind}"' for kind in kinds)
    return (
        "## Not run\n\nThese benchmarks have no record here, or not at every length; by default the command "
        f"takes five seeds, 1,000 steps and two learning rates:\n\n```\n{listed}\n```\n"
    )


def _diagnosis() -> str:
    """Return the lines of the diagnosis that say what a reader without neighbours knows."""
    lines = (FOLDER / "graph_transfer" / "diagnosis.txt").read_text(encoding="utf-8").splitlines()
    wanted = ("score held out", "chance", "best cheap reader", "hops needed, measured", "hops within reach")
    return "\n".join(line for line in lines if line.strip().startswith(wanted))


def page() -> str:
    """Return the text of the page."""
    audit = read("graph_transfer")
    line = next(line for line in audit["sets"] if line["shape"] == "ring" and line["hops"] == 50)
    from graphseq.experiments.longrange.published import published  # noqa: PLC0415 - beside its one use

    ring = {row.model: row.value for row in published("published graph transfer ring 50")}
    head = _HEAD.format(
        transfer="\n".join(audit["table"]),
        blind=f"{line['blind_model']:.2g}",
        copied=f"{line['own_input_copied']:.4f}",
        gcn=f"{ring['GCN']:.4f}",
        adgn=f"{ring['A-DGN']:.4f}",
        diagnosis=_diagnosis(),
        swan=f"{ring['SWAN']:.4f}",
    )
    sections = [("Graph transfer, repaired", "transfer"), ("ECHO, regenerated", "echo")]
    held = [(title, name) for title, name in sections if (FOLDER / name / "results.json").exists()]
    parts = [head, *(section(title, name) for title, name in held), not_run([read(name) for _, name in held])]
    return "\n".join(part.rstrip() + "\n" for part in parts)


if __name__ == "__main__":
    _files.write_text(PAGE, page(), overwrite=True)
