"""A survey as tables, and as plain data."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import torch

from graphseq.reach.survey import DRAWS, FEATURES, MOST_RESISTANCE, Survey, TargetSurvey
from graphseq.training.history import machine

_COLUMNS = 12  #: the most columns of a table, one for each hop
_LINE = 110  #: the most characters of a route


def text(result: Survey) -> str:
    """Return the tables of a survey."""
    lines = [_head(result), *(f"  {note}" for note in result.request.graph.notes), "", *_hops(result)]
    for target in result.targets:
        lines += ["", *_routes(result, target), "", *_seen(result, target), "", *_influence(result, target)]
    return "\n".join(lines)


def record(result: Survey, command: Sequence[str]) -> dict[str, object]:
    """Return the same as plain data, with the command, the versions and the machine that made it."""
    request, graph = result.request, result.request.graph
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
        "source": result.label(result.source),
        "rows_by_hop": _counts(result),
        "unreachable_rows": int((result.hops < 0).sum()),
        "targets": [_target(result, target) for target in result.targets],
    }


def _target(result: Survey, target: TargetSurvey) -> dict[str, object]:
    return {
        "row": result.label(target.row),
        "hops": target.hops,
        "shortest_routes": target.number_of_routes,
        "first_routes": [[result.label(row) for row in way] for way in target.routes],
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


def _head(result: Survey) -> str:
    graph = result.request.graph
    kinds = ["directed" if graph.graph.is_directed() else "undirected", *["weighted"] * graph.weighted]
    times = result.request.times
    over = f"; {times} times, so {result.spacetime.num_rows:,} rows" if times > 1 else ""
    sizes = f"{counted(len(graph.graph), 'node')}, {counted(graph.graph.size(), 'edge')}"
    return f"{graph.name}: {sizes}, {', '.join(kinds)}{over}"


def _counts(result: Survey) -> list[int]:
    there = result.hops[result.hops >= 0]
    counts: list[int] = torch.bincount(there).tolist()
    return counts


def _hops(result: Survey) -> list[str]:
    counts = _counts(result)
    lost = int((result.hops < 0).sum())
    title = (
        f"Hops from {result.label(result.source)}: {sum(counts):,} of {result.spacetime.num_rows:,} rows are reached"
    )
    title += f", {lost:,} {'is' if lost == 1 else 'are'} unreachable" if lost else ""
    return [title, *_columns([("hops", range(len(counts))), ("rows", [f"{count:,}" for count in counts])])]


def _routes(result: Survey, target: TargetSurvey) -> list[str]:
    source, row = result.label(result.source), result.label(target.row)
    lines = [f"{source} to {row}: {counted(target.hops, 'hop')}, so a GCN needs {counted(target.hops, 'layer')}"]
    lines[0] += "" if result.request.targets else f" ({row} is the farthest)"
    more = "" if target.number_of_routes == len(target.routes) else f", {len(target.routes)} of them"
    lines.append(f"  {counted(target.number_of_routes, 'shortest route')}{more}:")
    lines += [f"    {route(result, way)}" for way in target.routes]
    if target.resistance is not None:
        lines.append(f"  effective resistance {target.resistance:.4g}, where an edge of weight 1 has 1")
    elif result.request.graph.graph.is_directed():
        lines.append("  no effective resistance: edges have directions")
    elif len(result.names) > MOST_RESISTANCE:
        lines.append(f"  no effective resistance: more than {MOST_RESISTANCE} nodes")
    return lines


def route(result: Survey, way: Sequence[int]) -> str:
    """Return a route by the names of its nodes, shortened in the middle where the line would be too long."""
    names = [result.label(row) for row in way]
    # A hyphen or a blank within a name would look like a step.
    step = " - " if any("-" in name or " " in name for name in names) else "-"
    if len(step.join(names)) > _LINE and len(names) > 9:
        names = [*names[:4], f"({len(names) - 8} more)", *names[-4:]]
    return step.join(names)


def _seen(result: Survey, target: TargetSurvey) -> list[str]:
    source = result.label(result.source)
    head = ("model", "layers", "rows seen", f"sees {source}")
    body = [
        (
            one.model,
            str(one.layers),
            f"{one.num_rows:,} of {result.spacetime.num_rows:,}",
            "yes" if one.reaches_source else "no",
        )
        for one in target.models
    ]
    widths = [max(len(line[place]) for line in (head, *body)) for place in range(len(head))]
    shown = [
        "  ".join([line[0].ljust(widths[0]), *(word.rjust(w) for word, w in zip(line[1:], widths[1:], strict=True))])
        for line in (head, *body)
    ]
    title = f"What each model sees from {result.label(target.row)}, from structure alone"
    if result.request.times == 1 and any(one.model in {"RNN", "GRU", "LSTM"} for one in target.models):
        title += " (at one time a recurrent network has no past; see --times)"
    return [title, *(f"  {one}" for one in shown)]


def _influence(result: Survey, target: TargetSurvey) -> list[str]:
    request = result.request
    title = (
        f"Influence on {result.label(target.row)} by hops from it, in % of the whole "
        f"(untrained models of {request.hidden} units, seed {request.seed}; 0 is exactly none)"
    )
    most = len(target.models[0].influence)
    lines: list[tuple[str, Sequence[object]]] = [("hops", range(most))]
    for one in target.models:
        whole = sum(one.influence)
        shares = [percent(value / whole) if whole else "0" for value in one.influence]
        lines.append((f"{one.model} {one.layers}{'~' if one.is_estimated else ''}", shares))
    any_estimated = any(one.is_estimated for one in target.models)
    tail = [f"  ~ estimated from {DRAWS} draws: the exact Jacobian is too large"] if any_estimated else []
    return [title, *_columns(lines), *tail]


def percent(share: float) -> str:
    """Return a share in per cent, 0 only for exactly 0.

    Example:
        >>> percent(0.5), percent(0.0123), percent(0.0), percent(2e-9)
        ('50', '1.2', '0', '2e-07')
    """
    value = 100 * share
    if value == 0:
        return "0"
    if value >= 9.95:
        return f"{value:.0f}"
    return f"{value:.2g}" if value >= 9.5e-4 else f"{value:.0e}"


def _columns(lines: Sequence[tuple[str, Sequence[object]]]) -> list[str]:
    """Return the lines of a table with its first twelve columns; an ellipsis stands for others."""
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


def counted(count: int, noun: str) -> str:
    """Return a number and its noun: 1 hop, 2 hops."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
