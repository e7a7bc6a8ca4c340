"""A survey as a text for people, and as a record."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import torch

from graphseq.reach.survey import DRAWS, FEATURES, MOST_RESISTANCE, Survey, TargetSurvey
from graphseq.training.history import machine

_COLUMNS = 12  #: hops that have a column of their own
_LINE = 110  #: characters


def text(found: Survey) -> str:
    """Tables of what was found."""
    lines = [_head(found), *(f"  {note}" for note in found.request.graph.notes), "", *_hops(found)]
    for target in found.targets:
        lines += ["", *_way(found, target), "", *_seen(found, target), "", *_influence(found, target)]
    return "\n".join(lines)


def record(found: Survey, command: Sequence[str]) -> dict[str, object]:
    """Return the same as plain data, with the command, the versions and the machine that made it."""
    request, graph = found.request, found.request.graph
    return {
        "command": shlex.join(["python", "-m", "graphseq", *command]),
        "machine": machine(),
        "graph": {
            "name": graph.name,
            "nodes": len(graph.graph),
            "edges": graph.graph.size(),
            "directed": graph.graph.is_directed(),
            "weighted": graph.weighted,
            "notes": list(graph.notes),
        },
        "times": request.times,
        "causal": request.causal,
        "hidden": request.hidden,
        "features": FEATURES,
        "seed": request.seed,
        "source": found.label(found.source),
        "rows_by_hop": _counts(found),
        "unreachable_rows": int((found.hops < 0).sum()),
        "targets": [_target(found, target) for target in found.targets],
    }


def _target(found: Survey, target: TargetSurvey) -> dict[str, object]:
    return {
        "row": found.label(target.row),
        "hops": target.hops,
        "shortest_routes": target.number_of_routes,
        "first_routes": [[found.label(row) for row in way] for way in target.routes],
        "effective_resistance": target.resistance,
        "linear_influence_by_hop": target.linear,
        "models": [
            {
                "model": model.model,
                "layers": model.layers,
                "rows_seen": model.num_rows,
                "sees_source": model.reaches_source,
                "influence_by_hop": model.influence,
                "estimated_from_draws": DRAWS if model.is_estimated else None,
            }
            for model in target.models
        ],
    }


def _head(found: Survey) -> str:
    graph = found.request.graph
    kinds = ["directed" if graph.graph.is_directed() else "undirected", *["weighted"] * graph.weighted]
    times = found.request.times
    over = f"; {times} times, so {found.spacetime.num_rows:,} rows" if times > 1 else ""
    sizes = f"{counted(len(graph.graph), 'node')}, {counted(graph.graph.size(), 'edge')}"
    return f"{graph.name}: {sizes}, {', '.join(kinds)}{over}"


def _counts(found: Survey) -> list[int]:
    there = found.hops[found.hops >= 0]
    counts: list[int] = torch.bincount(there).tolist()
    return counts


def _hops(found: Survey) -> list[str]:
    counts = _counts(found)
    lost = int((found.hops < 0).sum())
    title = f"Hops from {found.label(found.source)}: {sum(counts):,} of {found.spacetime.num_rows:,} rows are reached"
    title += f", {lost:,} {'is' if lost == 1 else 'are'} unreachable" if lost else ""
    return [title, *_columns([("hops", range(len(counts))), ("rows", [f"{count:,}" for count in counts])])]


def _way(found: Survey, target: TargetSurvey) -> list[str]:
    source, row = found.label(found.source), found.label(target.row)
    lines = [f"{source} to {row}: {counted(target.hops, 'hop')}, so a GCN needs {counted(target.hops, 'layer')}"]
    lines[0] += "" if found.request.targets else f" ({row} is the farthest)"
    more = "" if target.number_of_routes == len(target.routes) else f", {len(target.routes)} of them"
    lines.append(f"  {counted(target.number_of_routes, 'shortest route')}{more}:")
    lines += [f"    {route(found, way)}" for way in target.routes]
    if target.resistance is not None:
        lines.append(f"  effective resistance {target.resistance:.4g}, where an edge of weight 1 has 1")
    elif found.request.graph.graph.is_directed():
        lines.append("  no effective resistance: edges have directions")
    elif len(found.names) > MOST_RESISTANCE:
        lines.append(f"  no effective resistance: more than {MOST_RESISTANCE} nodes")
    return lines


def route(found: Survey, way: Sequence[int]) -> str:
    """A route by its names, shortened in the middle where the line would be too long."""
    names = [found.label(row) for row in way]
    # A hyphen or a blank within a name would look like a step.
    step = " - " if any("-" in name or " " in name for name in names) else "-"
    if len(step.join(names)) > _LINE and len(names) > 9:
        names = [*names[:4], f"({len(names) - 8} more)", *names[-4:]]
    return step.join(names)


def _seen(found: Survey, target: TargetSurvey) -> list[str]:
    source = found.label(found.source)
    head = ("model", "layers", "rows seen", f"sees {source}")
    body = [
        (
            one.model,
            str(one.layers),
            f"{one.num_rows:,} of {found.spacetime.num_rows:,}",
            "yes" if one.reaches_source else "no",
        )
        for one in target.models
    ]
    widths = [max(len(line[place]) for line in (head, *body)) for place in range(len(head))]
    shown = [
        "  ".join([line[0].ljust(widths[0]), *(word.rjust(w) for word, w in zip(line[1:], widths[1:], strict=True))])
        for line in (head, *body)
    ]
    title = f"What each model sees from {found.label(target.row)}, from structure alone"
    if found.request.times == 1 and any(one.model in {"RNN", "GRU", "LSTM"} for one in target.models):
        title += " (at one time a recurrent network has no past; see --times)"
    return [title, *(f"  {one}" for one in shown)]


def _influence(found: Survey, target: TargetSurvey) -> list[str]:
    request = found.request
    title = (
        f"Influence on {found.label(target.row)} by hops from it, in % of the whole "
        f"(untrained models of {request.hidden} units, seed {request.seed}; 0 is exactly none)"
    )
    most = len(target.models[0].influence)
    lines: list[tuple[str, Sequence[object]]] = [("hops", range(most))]
    for one in target.models:
        whole = sum(one.influence)
        shares = [percent(value / whole) if whole else "0" for value in one.influence]
        lines.append((f"{one.model} {one.layers}{'~' if one.is_estimated else ''}", shares))
    found_estimates = any(one.is_estimated for one in target.models)
    tail = [f"  ~ estimated from {DRAWS} draws: the exact Jacobian is too large"] if found_estimates else []
    return [title, *_columns(lines), *tail]


def percent(part: float) -> str:
    """A share in per cent: 0 for exactly nothing, and never for what is merely small.

    Example:
        >>> percent(0.5), percent(0.0123), percent(0.0), percent(2e-9)
        ('50', '1.2', '0', '2e-07')
    """
    value = 100 * part
    if value == 0:
        return "0"
    if value >= 9.95:
        return f"{value:.0f}"
    return f"{value:.2g}" if value >= 9.5e-4 else f"{value:.0e}"


def _columns(lines: Sequence[tuple[str, Sequence[object]]]) -> list[str]:
    """Names and columns beside each other, those after the twelfth left out and said to be."""
    first = max(len(name) for name, _ in lines)
    words = [[str(value) for value in values[:_COLUMNS]] for _, values in lines]
    widths = [max(len(line[place]) for line in words) for place in range(len(words[0]))]
    left = len(lines[0][1]) - _COLUMNS
    rest = ["  …" if left > 0 else ""] * len(lines)
    if left > 0:
        rest[0] += f" to {len(lines[0][1]) - 1}"
    return [
        f"  {name.ljust(first)}  {'  '.join(word.rjust(width) for word, width in zip(line, widths, strict=True))}{more}"
        for (name, _), line, more in zip(lines, words, rest, strict=True)
    ]


def counted(count: int, what: str) -> str:
    """A number and a noun: 1 hop, 2 hops."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
