"""What is wrong with a file is said with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphseq.io import read_temporal_json

VALUES = [[1, 2], [3, 4]]
GOOD = {"edges": [[0, 1]], "X": VALUES}


def times(**changed: object) -> dict[str, object]:
    """Two times, the second with ``changed``."""
    period = {"edges": [[0, 1]], "y": [1, 2]}
    return {"0": period, "1": {**period, **changed}, "time_periods": 2}


def mapped(index: object, weight: object = None) -> dict[str, object]:
    mapping = {"edge_index": index} | ({} if weight is None else {"edge_weight": weight})
    return {"edge_mapping": mapping, "y": VALUES}


NODE = {"id": "a", "y": [1, 2]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"edges": [], "w": []}, r"mine.json has the keys edges, w; understood are edges and X"),
        ([1, 2], r"holds a list, not an object"),
        (
            {**GOOD, "X": [[1, 2], [3, 4, 5]]},
            r"X has 3 values at 1, but 2 values at 0; all must be as wide as the first",
        ),
        ({**GOOD, "X": [[1, 2], [3, "many"]]}, r"X at 1 at 1 is 'many', which is not a number"),
        ({**GOOD, "X": [[1, 2], 3]}, r"X has a number at 1, but 2 values at 0"),
        ({**GOOD, "X": "twelve"}, r"X must be a list of numbers, got str"),
        ({**GOOD, "X": [1, 2]}, r"X must have 2 or 3 dimensions, got shape \(2,\)"),
        ({**GOOD, "X": [[1, 2], [float("inf"), 4]]}, r"X\[1, 0\] is infinite"),
        ({**GOOD, "X": [[None, None]]}, r"node 0 has no value of X \(NaN\) at time 0"),
        ({**GOOD, "FX": [[1, 2]]}, r"FX is \(1, 2\), but X \(2, 2\)"),
        ({**GOOD, "time_periods": 3}, r"time_periods is 3, but there are values of 2 times"),
        ({**GOOD, "edges": [[0, 1], [1, 2]]}, r"edges\[1\] goes from 1 to 2, but there are the 2 nodes 0 to 1"),
        ({**GOOD, "edges": [[0, 0.5]]}, r"edges\[0\] goes from 0 to 0.5"),
        ({**GOOD, "edges": [[0, 1, 2]]}, r"edges must be pairs \[from, to\], got 3 numbers for each edge"),
        ({**GOOD, "weights": [1, 2]}, r"edges has 1 edges, but 2 weights"),
        ({**GOOD, "weights": [None]}, r"edges\[0\] has a weight that is missing"),
        ({**GOOD, "node_ids": {"a": 0, "b": 2}}, r"node_ids must name each of the 2 nodes 0 to 1 once"),
        ({**GOOD, "node_ids": ["a", "b"]}, r"node_ids must be an object, got list"),
        (times(y=[1, 2, 3]), r"time 1 has \(nodes, features\) \(3, 1\), but time 0 \(2, 1\)"),
        (times(edges=[[0, 2]]), r"edges at time 1\[0\] goes from 0 to 2, but there are the 2 nodes"),
        (times(weights=[2]), r"times 0 and 1 must both have weights of edges, or neither"),
        (times(edges=None), r"time 1 has no edges; give an empty list where there are none"),
        ({**times(), "5": {}}, r"time 2 must be an object, got nothing"),
        ({"0": {"z": 1}}, r"time 0 has the keys z, but none of y, X, FX, block"),
        ({"0": {"y": [1]}, "1": {"X": [[1]]}, "edges": []}, r"time 1 has no y, but time 0 has"),
        (mapped({"0": [[0, 1]]}), r"edge_mapping.edge_index has no time '1'; there are values at times 0 to 1"),
        (mapped({"0": [], "1": [], "2": []}), r"edge_mapping.edge_index has a time '2'"),
        (mapped({"0": [], "1": [[0, 1], [2, 0]]}), r"edge_index\['1'\]\[1\] goes from 2 to 0"),
        (mapped({"0": [], "1": [[0, 1]]}, {"0": [], "1": []}), r"edge_index\['1'\] has 1 edges, but 0 weights"),
        (mapped(None), r"edge_mapping.edge_index must be an object, got nothing"),
        ({"nodes": [NODE, NODE], "links": []}, r"two nodes named a"),
        ({"nodes": [NODE, {"id": "b", "X": {"z": [1, 2]}}], "links": []}, r"nodes\[1\] has values of \['z'\]"),
        ({"nodes": [{"y": [1]}], "links": []}, r"nodes\[0\] has no id"),
        (
            {"nodes": [{"id": "a", "y": [1], "X": {"y": [2]}}], "links": []},
            r"nodes\[0\] has other values under y than under y in X",
        ),
        ({"nodes": [NODE], "links": [{"source": "a"}]}, r"links\[0\] has target None, which is not among the nodes"),
        ({"edges": [], "LABEL": {}, "0": {"0": "(1,2,3)"}, "1": {"1": "(1,2,3)"}}, r"joint 1 has other frames"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_its_place(tmp_path: Path, content: object, message: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        read_temporal_json(path)


def test_a_file_without_any_value_is_refused_even_where_rows_may_be_dropped(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"edges": [], "X": [[null, null]]}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"mine.json has no values"):
        read_temporal_json(path, missing="drop")


def test_what_is_no_json_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"edges": [],\n "X": [[1}', encoding="utf-8")
    with pytest.raises(ValueError, match=r"mine.json, line 2: not JSON"):
        read_temporal_json(path)
    path.write_bytes(b'{"a": "caf\xe9"}')
    with pytest.raises(ValueError, match=r"mine.json is not utf-8: byte 0xe9 on line 1"):
        read_temporal_json(path)


def test_other_words_for_missing_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"missing must be one of drop, refuse; got 'mask'"):
        read_temporal_json(tmp_path / "none.json", missing="mask")  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        read_temporal_json(tmp_path / "none.json")
