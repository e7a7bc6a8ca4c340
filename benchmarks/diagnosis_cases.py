"""The planted cases of ``diagnosis.py``: specifications of models with a known fault, and the repair of each."""

from __future__ import annotations

import math
from random import Random

from diagnosis_models import CLASSES, Spec, transfer

# Planted cases: the fault, the group, the specification, and the change that repairs it. Kinds of the group "set" set
# thresholds; those of "seen" do not, but the rules were written with their results in view; "new" ones were added when
# all rules and thresholds were fixed.

Kind = tuple[str, str, Spec, Spec]


def kinds(seed: int) -> dict[str, Kind]:
    """Every kind of case, with sizes drawn from the seed."""
    r = Random(seed)  # noqa: S311
    h, w = r.randint(3, 4), r.choice([16, 24, 32])
    far, long, few = r.randint(11, 13), r.randint(80, 100), r.randint(1, 2)
    recall = {"world": "ours", "task": "Recall", "width": 8, "layers": 1}
    block = {"world": "blocks", "each": r.randint(30, 40), "width": w}
    first = {"world": "sequences", "width": w}
    noisy = {"labelled": 0.3, "noise_features": 80, "signal": 1.0}
    mixed = {"inside": 0.25, "between": 0.1, "signal": 2.0, "noise_features": 1}
    away = {"world": "rings", "shape": "path", "directed": "away", "width": w}
    return {
        # These set thresholds.
        "GCN of too few layers": (
            "under-reaching",
            "set",
            {**transfer(h), "family": "GCN", "layers": h - few, "width": w},
            {"layers": h},
        ),
        "PyG GCN of too few layers": (
            "under-reaching",
            "set",
            {"world": "rings", "hops": h, "family": "GCN", "layers": h - few, "width": w},
            {"layers": h},
        ),
        "deep PyG GCN on blocks": (
            "over-smoothing",
            "set",
            {**block, **mixed, "family": "GCN", "layers": r.randint(24, 30), "width": 8},
            {"layers": 2, "width": 16},
        ),
        "deep GCN on blocks": (
            "over-smoothing",
            "set",
            {**block, **mixed, "family": "gs.GCN", "layers": r.randint(24, 30), "width": 8},
            {"layers": 2, "width": 16},
        ),
        "GCN over many hops of a ring": (
            "over-squashing",
            "set",
            {**transfer(far), "family": "GCN", "layers": far, "width": w},
            {"family": "WaveGCN", "layers": math.ceil(1.3 * far)},
        ),
        "PyG GCN over many hops of a ring": (
            "over-squashing",
            "set",
            {"world": "rings", "hops": far, "family": "GCN", "layers": far, "width": w},
            {"hops": 2, "layers": 2},
        ),
        "contracting RNN": (
            "vanishing gradient",
            "set",
            {**transfer(long, "path"), "family": "RNN", "width": w, "spoilt": "contracting"},
            {"spoilt": None, "task_arguments": {"length": 6, "num_classes": CLASSES}},
        ),
        "forgetting LSTM": (
            "vanishing gradient",
            "set",
            {**first, "steps": long, "family": "LSTM", "spoilt": "forgetting"},
            {"spoilt": None, "steps": 5},
        ),
        "GCN of large weights": (
            "exploding gradient",
            "set",
            {**transfer(h), "family": "GCN", "layers": h, "width": w, "spoilt": "large"},
            {"spoilt": None},
        ),
        "growing RNN": (
            "exploding gradient",
            "set",
            {**first, "steps": 50, "family": "RNN", "activation": "relu", "spoilt": "growing"},
            {"spoilt": "orthogonal", "activation": "tanh", "steps": 8},
        ),
        "detached GCN": (
            "dead path",
            "set",
            {**transfer(h), "family": "GCN", "layers": h, "width": 4, "spoilt": "detached"},
            {"spoilt": None, "width": 32},
        ),
        "dead GCN": (
            "dead path",
            "set",
            {**transfer(h), "family": "GCN", "layers": h, "width": w, "spoilt": "dead"},
            {"spoilt": None},
        ),
        "small RNN on Recall": (
            "capacity",
            "set",
            {**recall, "task_arguments": {"length": 11, "num_items": r.randint(8, 10)}, "family": "RNN"},
            {"task_arguments": {"length": 3, "num_items": 2, "num_classes": 3}, "width": 64},
        ),
        "narrow GCN on a star": (
            "capacity",
            "set",
            {
                "world": "ours",
                "task": "AssociativeRecall",
                "task_arguments": {"num_pairs": r.randint(8, 12), "query_hops": 1},
                "family": "GCN",
                "layers": 2,
                "width": r.randint(4, 6),
            },
            {"task_arguments": {"num_pairs": 2, "query_hops": 1}, "width": 64},
        ),
        "fresh GCN": ("undertrained", "set", {**transfer(h), "family": "GCN", "layers": h, "width": w}, {}),
        "fresh PyG GCN on blocks": ("undertrained", "set", {**block, "family": "GCN", "layers": 2}, {}),
        "fresh RNN": ("undertrained", "set", {**first, "steps": r.randint(5, 8), "family": "RNN"}, {}),
        "trained GCN": ("solved", "set", {**transfer(2), "family": "GCN", "layers": 2, "width": w, "trained": 400}, {}),
        "trained PyG GCN on blocks": (
            "no sign of a long-range problem",
            "set",
            {
                **block,
                "each": 120,
                "family": "GCN",
                "layers": 2,
                "width": 16,
                "trained": 150,
                "signal": 0.8,
                "inside": 0.05,
                "between": 0.015,
                "labelled": 0.55,
                "noise_features": 0,
            },
            {},
        ),
        "MLP on few labels": (
            "overfitting",
            "set",
            {**block, **noisy, "inside": 0.03, "between": 0.03, "family": "MLP", "layers": 2, "trained": 150},
            {"labelled": 0.55, "noise_features": 0, "signal": 3.0},
        ),
        "random classes of nodes": (
            "unlearnable as measured",
            "set",
            {**block, "labels": "random", "family": "GCN", "layers": 2},
            {"labels": "true"},
        ),
        "PyG GCN on paths that point away": (
            "under-reaching",
            "set",
            {**away, "hops": h, "family": "GCN", "layers": h + 1},
            {"both_ways": True},
        ),
        "GRU asked about what comes": (
            "under-reaching",
            "set",
            {**first, "steps": r.randint(8, 10), "ahead": r.randint(2, 3), "family": "GRU"},
            {"both_ways": True},
        ),
        "very deep PyG GCN on blocks": (
            "over-smoothing",
            "set",
            {**block, **mixed, "family": "GCN", "layers": r.randint(32, 40)},
            {"layers": 2, "width": 16},
        ),
        "GRU of one unit": (
            "capacity",
            "set",
            {**first, "steps": 6, "place": 2, "family": "GRU", "width": 1},
            {"width": 32},
        ),
        # These only test.
        "MLP on Adding": (
            "under-reaching",
            "seen",
            {
                "world": "ours",
                "task": "Adding",
                "task_arguments": {"length": r.randint(4, 6)},
                "family": "MLP",
                "width": w,
            },
            {"family": "GRU", "width": 32},
        ),
        "LSTM across space": (
            "under-reaching",
            "seen",
            {**transfer(h), "family": "LSTM", "width": w},
            {"family": "GCN", "layers": h},
        ),
        "convolutions of a short kernel": (
            "under-reaching",
            "seen",
            {**first, "steps": r.randint(8, 12), "family": "Conv", "layers": 2},
            {"family": "GRU", "layers": 1},
        ),
        "LSTM asked about a later step": (
            "under-reaching",
            "seen",
            {**first, "steps": 8, "place": 7, "asked": 2, "family": "LSTM"},
            {"both_ways": True},
        ),
        "ChebConv of one hop": (
            "under-reaching",
            "seen",
            {"world": "rings", "hops": 4, "shape": "path", "family": "Cheb", "layers": r.randint(1, 3), "width": w},
            {"layers": 4},
        ),
        "deep GAT on blocks": (
            "over-smoothing",
            "seen",
            {**block, **mixed, "family": "GAT", "layers": r.randint(20, 24), "width": 8},
            {"layers": 2, "width": 16},
        ),
        "deep GCN of means on blocks": (
            "over-smoothing",
            "seen",
            {**block, **mixed, "family": "Mean", "layers": r.randint(24, 30), "width": 8},
            {"layers": 2, "width": 16},
        ),
        "GCNII over many hops": (
            "over-squashing",
            "seen",
            {**transfer(far), "family": "GCNII", "layers": far, "width": w},
            {"family": "WaveGCN", "layers": math.ceil(1.3 * far)},
        ),
        "PyG GraphSAGE over many hops of a path": (
            "over-squashing",
            "seen",
            {"world": "rings", "hops": far + 3, "shape": "path", "family": "SAGE", "layers": far + 3, "width": w},
            {"hops": 2, "layers": 2},
        ),
        "GRU over a long sequence": (
            "vanishing gradient",
            "seen",
            {**first, "steps": r.randint(90, 110), "family": "GRU", "spoilt": "contracting"},
            {"spoilt": None, "steps": 5},
        ),
        "deep GCN of sigmoids": (
            "vanishing gradient",
            "seen",
            {
                "world": "rings",
                "hops": 1,
                "shape": "path",
                "family": "GraphConv",
                "activation": "sigmoid",
                "layers": r.randint(9, 12),
                "width": w,
            },
            {"layers": 1},
        ),
        "growing linear stack": (
            "exploding gradient",
            "seen",
            {"world": "rings", "hops": 3, "family": "GraphConv", "layers": 5, "width": w, "spoilt": "large"},
            {"spoilt": None, "layers": 3},
        ),
        "GIN of large weights": (
            "exploding gradient",
            "seen",
            {**block, "family": "GIN", "layers": 4, "spoilt": "large"},
            {"spoilt": None, "layers": 2},
        ),
        "latched RNN": (
            "dead path",
            "seen",
            {**first, "steps": 12, "family": "RNN", "spoilt": "latched"},
            {"spoilt": None, "steps": 5},
        ),
        "dead PyG SAGE": (
            "dead path",
            "seen",
            {"world": "rings", "hops": 2, "family": "SAGE", "layers": 2, "width": w, "spoilt": "dead"},
            {"spoilt": None},
        ),
        "detached PyG GCN": (
            "dead path",
            "seen",
            {"world": "rings", "hops": 3, "family": "GCN", "layers": 3, "width": 3, "spoilt": "detached"},
            {"spoilt": None, "width": 32},
        ),
        "small GRU on CopyMemory": (
            "capacity",
            "seen",
            {
                "world": "ours",
                "task": "CopyMemory",
                "task_arguments": {"delay": 1, "num_items": 5},
                "family": "GRU",
                "width": 4,
            },
            {"task_arguments": {"delay": 1, "num_items": 1}, "width": 48},
        ),
        "PyG GCN of one channel": (
            "capacity",
            "seen",
            {**block, "blocks": 5, "each": 40, "signal": 2.0, "family": "GCN", "layers": 2, "width": 1},
            {"width": 32},
        ),
        "fresh GIN on densities": (
            "undertrained",
            "seen",
            {"world": "densities", "family": "GIN", "layers": 2, "width": w},
            {},
        ),
        "residual GCN of many layers": (
            "undertrained",
            "seen",
            {**transfer(3), "family": "GCN", "layers": r.randint(12, 16), "width": w, "residual": True},
            {},
        ),
        "wave": (
            "undertrained",
            "seen",
            {**transfer(far), "family": "WaveGCN", "layers": math.ceil(1.4 * far), "width": w},
            {},
        ),
        "orthogonal RNN": (
            "undertrained",
            "seen",
            {**transfer(long, "path"), "family": "RNN", "width": w, "spoilt": "orthogonal"},
            {},
        ),
        "fresh GRU": ("undertrained", "seen", {**first, "steps": r.randint(6, 9), "family": "GRU"}, {}),
        "trained LSTM": ("solved", "seen", {**first, "steps": 4, "family": "LSTM", "trained": 400}, {}),
        "trained SAGE on rings": (
            "solved",
            "seen",
            {"world": "rings", "hops": 2, "family": "SAGE", "layers": 2, "width": w, "trained": 400},
            {},
        ),
        "trained GAT on noisy blocks": (
            "no sign of a long-range problem",
            "seen",
            {
                **block,
                "each": 120,
                "family": "GAT",
                "layers": 2,
                "width": 16,
                "trained": 150,
                "signal": 0.8,
                "inside": 0.05,
                "between": 0.02,
                "labelled": 0.55,
                "noise_features": 0,
            },
            {},
        ),
        "trained GRU on noisy classes": (
            "no sign of a long-range problem",
            "seen",
            {
                **first,
                "steps": 4,
                "place": 3,
                "label_noise": 0.5,
                "family": "GRU",
                "trained": 60,
                "sequences": 2000,
                "width": 8,
            },
            {},
        ),
        "LSTM learning by heart": (
            "overfitting",
            "seen",
            {
                **first,
                "steps": 12,
                "sequences": 60,
                "question": "majority",
                "label_noise": 0.3,
                "family": "LSTM",
                "trained": 300,
                "width": 48,
            },
            {"sequences": 3000, "label_noise": 0},
        ),
        "random classes of graphs": (
            "unlearnable as measured",
            "seen",
            {"world": "densities", "labels": "random", "family": "GIN", "layers": 2, "width": w},
            {"labels": "true"},
        ),
        "random classes of sequences": (
            "unlearnable as measured",
            "seen",
            {**first, "steps": 6, "labels": "random", "family": "GRU"},
            {"labels": "true"},
        ),
    }


def more_kinds(seed: int) -> dict[str, Kind]:
    """Kinds that were new in an earlier record; rules were changed since."""
    r = Random(seed + 77)  # noqa: S311
    w, far = r.choice([16, 24, 32]), r.randint(12, 14)
    block = {"world": "blocks", "each": r.randint(30, 40), "width": w}
    away = {"world": "rings", "shape": "path", "directed": "away", "width": w}
    mixed = {"inside": 0.25, "between": 0.1, "signal": 2.0, "noise_features": 1}
    mild = {"signal": 0.8, "inside": 0.05, "between": 0.02, "labelled": 0.55, "noise_features": 0}
    first = {"world": "sequences", "width": w}
    palindrome = {"world": "ours", "task": "Palindrome", "task_arguments": {"length": 8}, "width": w}
    recall = {"world": "ours", "task": "Recall", "task_arguments": {"length": 10, "num_items": 9}, "family": "LSTM"}
    few = {"world": "densities", "graphs": 40, "noise_features": 60, "family": "GIN", "layers": 2, "width": 32}
    long = {**transfer(100, "path"), "family": "LSTM", "width": 8}
    return {
        "SGConv of two hops": (
            "under-reaching",
            "seen",
            {"world": "rings", "hops": 5, "family": "SGC", "layers": r.randint(1, 2), "width": w},
            {"layers": 3},
        ),
        "GCN on palindromes": (
            "under-reaching",
            "seen",
            {**palindrome, "family": "GCN", "layers": r.randint(1, 4)},
            {"family": "GRU", "width": 48, "task_arguments": {"length": 4}},
        ),
        "GRU asked about a later step": (
            "under-reaching",
            "seen",
            {**first, "steps": 10, "place": 9, "asked": 4, "family": "GRU"},
            {"both_ways": True},
        ),
        "SGConv of forty hops": (
            "over-smoothing",
            "seen",
            {**block, **mixed, "family": "SGC40", "layers": 1},
            {"family": "GCN", "layers": 2},
        ),
        "deep residual-free GAT": (
            "over-smoothing",
            "seen",
            {**block, **mixed, "each": 25, "family": "GAT", "layers": r.randint(26, 30), "width": 4},
            {"layers": 2, "width": 16},
        ),
        "GAT over many hops of a ring": (
            "over-squashing",
            "seen",
            {"world": "rings", "hops": far, "family": "GAT", "layers": far, "width": w},
            {"hops": 2, "layers": 2},
        ),
        "LSTM over a hundred steps": (
            "vanishing gradient",
            "seen",
            long,
            {"task_arguments": {"length": 5, "num_classes": CLASSES}, "width": 32},
        ),
        "GIN of large weights on graphs": (
            "exploding gradient",
            "seen",
            {"world": "densities", "family": "GIN", "layers": 3, "width": w, "spoilt": "large"},
            {"spoilt": None},
        ),
        "dead convolutions in time": (
            "dead path",
            "seen",
            {**first, "steps": 5, "family": "Conv", "layers": 3, "spoilt": "dead", "place": 3},
            {"spoilt": None},
        ),
        "detached Transformer": (
            "dead path",
            "seen",
            {**first, "width": 4, "steps": 12, "family": "Transformer", "spoilt": "detached"},
            {"spoilt": None, "width": 16},
        ),
        "small LSTM on Recall": (
            "capacity",
            "seen",
            {**recall, "width": 5},
            {"task_arguments": {"length": 3, "num_items": 2, "num_classes": 3}, "width": 64},
        ),
        "SAGE of one channel": (
            "capacity",
            "seen",
            {**block, "blocks": 5, "each": 40, "signal": 2.0, "family": "SAGE", "layers": 2, "width": 1},
            {"width": 32},
        ),
        "fresh Transformer": ("undertrained", "seen", {**first, "steps": 8, "family": "Transformer"}, {}),
        "fresh GCNII": ("undertrained", "seen", {**transfer(3), "family": "GCNII", "layers": 4, "width": w}, {}),
        "fresh SAGE on rings": (
            "undertrained",
            "seen",
            {"world": "rings", "hops": 3, "family": "SAGE", "layers": 4, "width": w},
            {},
        ),
        "trained RNN": ("solved", "seen", {**transfer(3, "path"), "family": "RNN", "width": w, "trained": 500}, {}),
        "trained SAGE on noisy blocks": (
            "no sign of a long-range problem",
            "seen",
            {**block, **mild, "each": 120, "family": "SAGE", "layers": 2, "width": 16, "trained": 150},
            {},
        ),
        "GIN on few graphs": (
            "overfitting",
            "seen",
            {**few, "trained": 300},
            {"graphs": 400, "noise_features": 1},
        ),
        "PyG SAGE on paths that point away": (
            "under-reaching",
            "seen",
            {**away, "hops": 5, "family": "SAGE", "layers": r.randint(5, 7)},
            {"both_ways": True},
        ),
        "LSTM asked about what comes": (
            "under-reaching",
            "seen",
            {**first, "steps": 9, "ahead": 1, "family": "LSTM"},
            {"both_ways": True},
        ),
        "deep GCN on small rings": (
            "over-smoothing",
            "seen",
            {"world": "rings", "hops": 3, "family": "GCN", "layers": r.randint(34, 38), "width": w},
            {"layers": 3},
        ),
        "LSTM of one unit": (
            "capacity",
            "seen",
            {**first, "steps": 6, "place": 3, "family": "LSTM", "width": 1},
            {"width": 32},
        ),
        "RNN of small weights": (
            "vanishing gradient",
            "seen",
            {**first, "steps": r.randint(50, 60), "family": "RNN", "spoilt": "contracting"},
            {"spoilt": None, "steps": 5},
        ),
        "random classes on rings": (
            "unlearnable as measured",
            "seen",
            {"world": "rings", "hops": 2, "labels": "random", "family": "GCN", "layers": 3, "width": w},
            {"labels": "true"},
        ),
    }
