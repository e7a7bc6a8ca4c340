"""The page of the long-range suite, docs/results/longrange.md, made from its records alone.

Run it with ``python benchmarks/longrange_page.py``: no training, a second. It reads docs/longrange/*/results.json and
table.txt, and what the tables do not hold is said with the command that runs it.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from graphseq import _files
from graphseq.evaluation.tables import aligned
from graphseq.experiments.longrange.families import HOP_A_LAYER
from graphseq.experiments.longrange.figure import groups
from graphseq.experiments.longrange.published import published
from graphseq.experiments.longrange.report import ENOUGH
from graphseq.experiments.longrange.settings import FEW, Settings
from graphseq.experiments.longrange.suite import BENCHMARKS

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "longrange"
PAGE = ROOT / "docs" / "results" / "longrange.md"

_HEAD = """# Long range, with floors

`python -m graphseq longrange` trains families of models on long-range benchmarks at equal budgets of parameters and
steps, chooses each family's layers and learning rate on the validation part by one search, and shows the test part
beside the floors of the task, models that see no distance, and published numbers, which stand in a file of their own
with their sources. Its figures show the error against the hops that a question needs, with each model's reach. This
page is made by `python benchmarks/longrange_page.py`.

SAGE, GAT and GIN are stacks of PyG's convolutions, A-DGN is PyG's `AntiSymmetricConv`, at its step of 0.1 and at ε = 1,
and GPS its `GPSConv`, without encodings of positions. PyG has no GRIT, which stands among the published alone.

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

## Published shortest paths that seem to be something else

The generator of the tasks of Corso et al. writes three answers for each row: shortest paths, eccentricity and Laplacian
features (the degree times x, less the sum of the neighbours' x: one hop). The loader of A-DGN, and after it that of
SWAN, reads the third as shortest paths and the first as eccentricity. Their file was not read here, but a bound agrees:
of a source more than 20 hops away a stack of 20 layers, the most that was searched, cannot know which row it is, and so
cannot have the published error of shortest paths, whatever it learned. Numbers of one column can be compared with each
other; those of the diameter are not concerned. In the tables below they stand under the names they were published with.

```
$ python benchmarks/longrange_columns.py

{columns}
```

The same generator compares a sum of two random numbers with the probability 0.9 that it names, so that 98 % of the
edges are kept; ours does so, too.
"""


SECTIONS = {
    "transfer": "Graph transfer, repaired",
    "classes": "Transfer of a class",
    "far": "Transfer of a class, over 20 and 50 hops",
    "echo": "ECHO, regenerated",
    "corso": "Corso et al., regenerated",
    "match": "Tree-NeighborsMatch",
    "sequences": "Copy memory and adding, length 100",
    "long": "Copy memory and adding, length 1,000",
    "longest": "Copy memory and adding, length 10,000",
    "mnist1d": "MNIST-1D",
    "shakespeare": "Tiny Shakespeare by characters",
}
"""Records by the name of their folder, with the title of their section, in the order of the page."""

FINDINGS: dict[str, list[str]] = {
    "transfer": [
        "At 10 hops no stack of convolutions leaves the constant in 100 steps, from any seed, though each sees as many "
        "hops as are needed, and neither do the state space, the wave at c² = 2 and A-DGN, whose step of 1 changes "
        "nothing here. GAT leaves it at 3 hops from all seeds, at 5 from some.",
        "The wave at c² = 3, whose modes all move one hop a layer on paths and rings, leaves it at 10 hops from all "
        "seeds on both, as does Min-plus on all three graphs; attention among all rows (GPS) does from most.",
    ],
    "classes": [
        "With as many layers as hops and 100 steps Min-plus with two layers and the wave at c² = 3 solve all of these "
        "from all seeds, the latter also on graphs on which it is not stable in the long run; so does the state space, "
        "but for one seed of five at 10 hops of the crossed ring.",
        "GCN, GAT, GIN, SAGE and GCNII are at the constant at 10 hops of every graph, from every seed, where the "
        "published GCN, of 64 units and trained for longer, leaves 1 at 9 to 15. GAT, the best of them, is between the "
        "two at 5 hops. A-DGN is at the constant from 3 hops on at its step of 0.1, at which a signal falls tenfold a "
        "hop; at ε = 1 some seeds leave it at 3 hops of five graphs, none at 5.",
        "The wave at c² = 2 solves 10 hops of the crossed ring from all seeds, of grid, path and ring from some, and "
        "none behind cliques or on the caterpillar, whose fastest modes move 0.58 hops a layer.",
        "Not run: the full tree of 10 hops, of 2,047 rows.",
    ],
    "far": [
        "The wave at c² = 3, whose modes all move one hop a layer here, and Min-plus solve each of these from all "
        "seeds. State space, wave at c² = 2 and GCN are at the constant after 100 steps.",
    ],
    "echo": [
        "Published errors of eccentricity, but those of ONDA and SONAR, are within 0.6 hops of the best constant here. "
        "So are those of all our stacks of 16 layers, of eccentricity and of the diameter.",
        "Min-plus, a recurrence over depth that takes minima and maxima, has a third of the constant's error of "
        "eccentricity, a fifth of the diameter's and a thirtieth of that of shortest paths, in these 300 steps.",
        "Degrees counted, without any distance, have an error of 2.5 hops of the diameter from 300 graphs of training. "
        "On the published graphs GCN and GraphCON have a larger one, and GPS, GCNII and GIN one 0.4 to 0.9 smaller.",
    ],
    "corso": [
        "The error of every stack grows from its reach of 8 hops on; a minimum over paths has no such edge.",
        "Our GCN has 0.77 on shortest paths and 1.51, as the constant, on eccentricity; that published as eccentricity "
        "has 0.74, below the best constant of each family, 1.1. It agrees with the section on the columns above.",
        "To count the rows of each degree in a graph, and to look up the five graphs of training that are nearest in "
        "these counts, has 1.24 of the diameter without any distance. GCN, GCNII, state space and wave know less.",
    ],
    "mnist1d": [
        "The floor of a model that sees no neighbour, pooled, is 0.41: it knows which values occur, in no order. This "
        "is above the published logistic regression, 0.32, and above the mean of every family after 100 steps.",
    ],
    "shakespeare": [
        "A model of the last character alone has 2.52 nats. After 150 steps MinGRU and the state space are 0.05 below "
        "it on average, with all five seeds; of RNN and MinLSTM one seed is above it.",
    ],
    "match": [
        "In 200 steps attention along paths is right at r = 4 and 5, where stacks of convolutions stay at chance. The "
        "page of the min-plus model has r = 6 and 8, 0.97 after 1,000 steps.",
    ],
    "long": ["No family leaves the constant in 20 steps: the record shows that all of them run, and what they cost."],
    "longest": ["3 steps train nothing: the record shows that these lengths run, and what they cost."],
    "sequences": ["No family leaves the constant in 100 steps, which says nothing of what they learn in thousands."],
}
"""Findings that the tables and figures show, by record."""

MANY = 6
"""Benchmarks of a record above which its tables are shown in short: the value of each, without settings."""


def read(name: str) -> dict[str, Any]:
    """Return the record of a folder of docs/longrange."""
    record: dict[str, Any] = json.loads((FOLDER / name / "results.json").read_text(encoding="utf-8"))
    return record


def section(title: str, name: str) -> str:
    """Return the section of one record of the command: what was run, its tables and figures."""
    record = read(name)
    benchmarks = dict.fromkeys(line["benchmark"] for line in record["lines"])
    full = (FOLDER / name / "table.txt").read_text(encoding="utf-8").rstrip()
    table = short_tables(record) if len(benchmarks) > MANY else full
    lines = [f"## {title}", "", *_notes(benchmarks), ""]
    lines += [*budget(record), ""]
    if table is not full:
        lines += [f"Settings and seconds of each are in [table.txt](../longrange/{name}/table.txt).", ""]
    lines += ["```", f"$ {record['config']['command']}", "", *(line.rstrip() for line in table.splitlines()), "```", ""]
    lines += [line for finding in FINDINGS.get(name, []) for line in _item(finding)]
    lines += [""] if name in FINDINGS else []
    for figure in sorted((FOLDER / name).glob("*.png")):
        shown = figure.stem.replace("_", " ")
        lines.append(f"![Error against hops needed: {shown}](../longrange/{name}/{figure.name})")
        lines.append("")
    return "\n".join(lines)


def _notes(benchmarks: Iterable[str]) -> list[str]:
    """Return each sentence on how the benchmarks differ from the published ones once, in lines."""
    sentences = (part for name in benchmarks for part in BENCHMARKS[name].note.removesuffix(".").split(". "))
    return textwrap.wrap(". ".join(dict.fromkeys(sentences)) + ".", 120)


def _item(text: str) -> list[str]:
    """Return the lines of an item of a list."""
    return textwrap.wrap(text, 120, initial_indent="- ", subsequent_indent="  ")


def budget(record: dict[str, Any]) -> list[str]:
    """Return the sentence on what was spent on a record, in lines."""
    settings = record["config"]["settings"]
    rates = " and ".join(f"{rate:g}" for rate in settings["lrs"])
    tried = f"learning rates {rates} tried with the first seed, of which validation chose"
    if len(settings["lrs"]) == 1:
        tried = f"learning rate {rates}, without a search"
    seeds = sorted({line["seeds"] for line in record["lines"]})
    spread = "95 % intervals beside the mean" if seeds[0] >= ENOUGH else "lowest and highest value beside the mean"
    text = (
        f"Budget: {' to '.join(str(number) for number in dict.fromkeys((seeds[0], seeds[-1])))} seeds ({spread}), "
        f"{settings['steps']:,} steps of {settings['batch_size']} graphs, at most {settings['parameters']:,} "
        f"parameters; {tried}. {record['cpu_seconds']:,.0f} CPU seconds in all. This is a start: what is not learned "
        "in so few steps may be learned in more, and families whose ranges overlap are not told apart."
    )
    return textwrap.wrap(text, 120)


def short_tables(record: dict[str, Any]) -> str:
    """Return a table for each group of benchmarks: a row for each model, floor and published model, a column a hop."""
    members = groups(list(dict.fromkeys(line["benchmark"] for line in record["lines"])))
    return "\n\n".join(_short(record, title, names) for title, names in members.items())


def _short(record: dict[str, Any], title: str, names: list[str]) -> str:
    cells: dict[str, dict[str, str]] = {}
    for line in record["lines"]:
        if line["benchmark"] in names:
            spread = f" ({line['low']:.3g} to {line['high']:.3g})" if line["low"] is not None else ""
            cells.setdefault(line["model"], {})[line["benchmark"]] = f"{line['value']:.3g}{spread}"
    for name in names:
        for floor, value in record["floors"][name].items():
            cells.setdefault(f"floor: {floor}", {})[name] = f"{value:.3g}"
        for row in published(name):
            cells.setdefault(f"published: {row.model}", {})[name] = f"{row.value:g}"
    for row in published(title):
        cells[f"published: {row.model}, leaves 1 at {row.value:g} hops"] = {}
    head = [f"{title}, {BENCHMARKS[names[0]].measure.name}", *(f"{name.split()[-1]} hops" for name in names)]
    rows = [[model, *(values.get(name, "") for name in names)] for model, values in cells.items()]
    return aligned([head, *rows], head=1)


def not_run(records: list[dict[str, Any]]) -> str:
    """Return which benchmarks no record holds, with the command that runs them."""
    done = {line["benchmark"] for record in records for line in record["lines"]}
    missing = [name for name in BENCHMARKS if name not in done]
    kinds = dict.fromkeys(name.rstrip("0123456789").strip() for name in missing)
    listed = "\n".join(f'python -m graphseq longrange --benchmark "{kind}"' for kind in kinds)
    own = Settings()
    hours = sum(record["cpu_seconds"] for record in records) / 3600
    ran = (
        f"The records of this page took {hours:.1f} CPU hours, the sum of the seconds of their {_runs(records):,} "
        "trainings. The command's own settings are larger and were not run whole: "
        f"{len(own.seeds)} seeds, {own.steps} steps of {own.batch_size} graphs, {own.parameters:,} parameters, "
        f"{len(own.lrs)} learning rates and {len(own.models)} families. A run that was stopped goes on with --resume, "
        "which also adds seeds, families and benchmarks to a record, and --tiny runs all kinds in a minute."
    )
    text = "\n".join(["## The whole", "", *textwrap.wrap(ran, 120)])
    if not missing:
        return text
    return f"{text}\n\nThese have no record here, or not at every length:\n\n```\n{listed}\n```\n"


def _runs(records: list[dict[str, Any]]) -> int:
    """Return how many models were trained: the search's, and those of the seeds that did not search."""
    total = 0
    for record in records:
        settings = record["config"]["settings"]
        for line in record["lines"]:
            depths = settings["layers"] or BENCHMARKS[line["benchmark"]].layers
            searched = settings["search_seeds"] * len(settings["lrs"])
            searched *= len(depths if line["model"] in HOP_A_LAYER else FEW if len(depths) > 1 else FEW[1:])
            total += searched + line["seeds"] - settings["search_seeds"]
    return total


def _diagnosis() -> str:
    """Return the lines of the diagnosis that say what a reader without neighbours knows."""
    lines = (FOLDER / "graph_transfer" / "diagnosis.txt").read_text(encoding="utf-8").splitlines()
    wanted = ("score held out", "chance", "best cheap reader", "hops needed, measured", "hops within reach")
    return "\n".join(line for line in lines if line.strip().startswith(wanted))


def page() -> str:
    """Return the text of the page."""
    audit = read("graph_transfer")
    line = next(line for line in audit["sets"] if line["shape"] == "ring" and line["hops"] == 50)
    ring = {row.model: row.value for row in published("published graph transfer ring 50")}
    head = _HEAD.format(
        transfer="\n".join(audit["table"]),
        blind=f"{line['blind_model']:.2g}",
        copied=f"{line['own_input_copied']:.4f}",
        gcn=f"{ring['GCN']:.4f}",
        adgn=f"{ring['A-DGN']:.4f}",
        diagnosis=_diagnosis(),
        columns="\n".join(line.rstrip() for line in (FOLDER / "columns.txt").read_text(encoding="utf-8").splitlines()),
        swan=f"{ring['SWAN']:.4f}",
    )
    held = [(title, name) for name, title in SECTIONS.items() if (FOLDER / name / "results.json").exists()]
    parts = [head, *(section(title, name) for title, name in held), not_run([read(name) for _, name in held])]
    return "\n".join(part.rstrip() + "\n" for part in parts)


if __name__ == "__main__":
    _files.write_text(PAGE, page(), overwrite=True)
