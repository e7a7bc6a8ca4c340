"""One valid call of every public callable: of each function, constructor and method that ``__all__`` leads to.

A new public name joins by a line of ``FUNCTIONS``, ``OBJECTS`` or ``RECORDS`` where the values by the names of its
parameters, ``VALUES``, do not make a call of it already.
"""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import networkx as nx
import torch
from public_values import (
    VALUES,
    Arguments,
    acyclic,
    agreement,
    animation,
    characters,
    column_names,
    data,
    diagnosed,
    distances,
    encoder_checks,
    fields,
    folder,
    forecaster_file,
    forecasting,
    gconv_lstm,
    generator,
    labelled,
    links,
    measured,
    model,
    networkx_over_time,
    new_path,
    of_task,
    pairs,
    pooled,
    recording,
    rnn_weights,
    run_state,
    seeded,
    sentences,
    sequence,
    share,
    signal,
    small,
    states,
    static,
    stopper,
    table,
    task,
    task_checks,
    validated,
    work,
    writer,
)
from torch_geometric.data import Data

import graphseq as gs
from graphseq import nn, reach, tasks, training, transforms
from graphseq.io import Edge, Listed

MODULES = (
    *("", "nn", "tasks", "transforms", "io", "training", "training.distributed", "evaluation", "baselines"),
    *("reach", "reach.theory", "plot", "text", "datasets", "testing"),
)


# Arguments of the public callables that need others than those of VALUES.
FUNCTIONS: dict[str, Callable[[], Arguments]] = {
    "add_seasonal_features": lambda: {"period": 4.0},
    "evaluate": lambda: {"samples": 2},
    "fit": lambda: {"steps": 1, "batch_size": 2},
    "fit_curriculum": lambda: {"tasks": [task(), tasks.Transfer(2)], "steps": 1, "batch_size": 2},
    "fit_ensemble": lambda: {"models": [model(), model()], "seeds": [0, 1], "steps": 1, "batch_size": 2},
    "fit_with_validation": lambda: {
        "task": tasks.GraphClassification(labelled(), 2),
        "validation": tasks.GraphClassification(labelled(), 2),
        "model": seeded(lambda: nn.Model(nn.GCN(2, 4, 2), 2, pool="mean")),
        **{"every": 1, "steps": 1, "batch_size": 2},
    },
    "forecast": lambda: {**table(), "models": ["persistence"], "lags": 2, "steps": 2},
    "from_events": lambda: {"events": torch.tensor([[0, 1, 0], [1, 2, 1], [1, 0, 2]]), "window": 1.0},
    "from_graph": lambda: {"graph": nx.path_graph(5)},
    "from_signal": lambda: {"x": torch.zeros(4, 3, 2)},
    "from_snapshots": lambda: {
        "snapshots": [Data(x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]])) for _ in range(2)]
    },
    "grid_graph": lambda: {"image": torch.linspace(0, 1, 9).reshape(3, 3, 1)},
    "grid_graphs": lambda: {"images": torch.zeros(2, 3, 3, 1), "y": torch.tensor([0, 1])},
    "growing_lengths": lambda: {"first": 2, "last": 8},
    "pixel_positions": lambda: {"height": 2, "width": 3},
    "load": lambda: {"path": gs.save(nn.RNN(2, 3), new_path("model.pt"))},
    "predict": lambda: {"samples": 2},
    "region_graph": lambda: {
        "image": torch.linspace(0, 1, 9).reshape(3, 3, 1),
        "labels": torch.arange(9).reshape(3, 3),
    },
    "rows_over_time": lambda: {"graph": gs.grid_graph(torch.zeros(2, 3, 1)), "shape": (2, 3)},
    "save": lambda: {"path": new_path("saved.pt")},
    "sweep": lambda: {"run": work, "cases": [{"number": 1}], "results": new_path("results.jsonl"), "jobs": 1},
    "nn.chrono_": lambda: {"longest": 10.0},
    "nn.from_gconv_lstm": lambda: {"state": gconv_lstm()},
    "nn.identity_": lambda: {"encoder": nn.RNN(2, 3)},
    "nn.kaiming_": lambda: {"encoder": nn.RNN(2, 3)},
    "nn.latch_": lambda: {"encoder": nn.RNN(2, 3), "low": 0.0, "high": 1.0},
    "nn.linear_scan": lambda: {"a": torch.full((4, 2), 0.5), "b": torch.ones(4, 2)},
    "nn.orthogonal_": lambda: {"encoder": nn.RNN(2, 3)},
    "nn.spread_biases_": lambda: {"encoder": nn.RNN(2, 3), "low": 0.0, "high": 1.0},
    "tasks.case_groups": lambda: {"cases": agreement().cases},
    "tasks.one_word": lambda: {
        **{"name": "majority", "sentences": sentences()},
        **{"task": agreement(), "train": agreement(), "test": agreement()},
    },
    "tasks.read_text": lambda: {"path": folder() / "text.txt"},
    "transforms.generations": lambda: {"edge_index": torch.tensor([[0, 1], [1, 2]]), "num_rows": 3},
    "transforms.grow": lambda: {"graph": sequence()},
    "transforms.add_nodes_over_time": lambda: {"graph": static()},
    "transforms.root_at_targets": lambda: {"graph": static().replace(y=None, target=torch.arange(5) == 4)},
    "transforms.to_dag": lambda: {"graph": static()},
    "transforms.to_sequence": lambda: {"graph": static()},
    "io.from_temporal_networkx": lambda: {"graphs": networkx_over_time()},
    "io.plain_graph": lambda: {"name": "mine", "listed": Listed(["a", "b"], [Edge("a", "b", None, "")], False)},
    "io.read_conllu": lambda: {"path": folder() / "one.conllu"},
    "io.read_events": lambda: {"path": folder() / "events.csv", "window": 1.0, **column_names("source", "target")},
    "io.read_graph": lambda: {"source": folder() / "graph.txt"},
    "io.read_observations": lambda: {"path": folder() / "table.csv", **column_names("source", "target")},
    "io.read_smiles": lambda: {"path": folder() / "smiles.csv", "smiles": "smiles", "target": "target"},
    "io.read_temporal_json": lambda: {"path": folder() / "one.json"},
    "io.read_traffic": lambda: {"path": folder() / "traffic.npz"},
    "io.read_tu": lambda: {"name": "two"},
    "evaluation.average_precision": lambda: {"scores": torch.tensor([0.2, 0.9])},
    "evaluation.mae": lambda: {"y": torch.tensor([[1.0, 0.0], [0.0, 1.0]])},
    "evaluation.mse": lambda: {"y": torch.tensor([[1.0, 0.0], [0.0, 1.0]])},
    "evaluation.r2": lambda: {"y": torch.tensor([[1.0, 0.0], [0.0, 1.0]])},
    "evaluation.conformal_width": lambda: {"errors": torch.linspace(-1, 1, 40).reshape(20, 2), "coverage": 0.8},
    "evaluation.wilson": lambda: {"share": 0.5, "count": 10},
    "baselines.subtree_features": lambda: {"graphs": [gs.from_graph(nx.path_graph(3), x=torch.ones(3, 1))]},
    "diagnose": lambda: {
        "model": seeded(lambda: nn.Model(nn.MLP(10, 4), 10)),
        **{"data": task(), "steps": 2, "budget_seconds": 1.0},
    },
    "nn.conv_reach": lambda: {"conv": nn.GCNConv(2, 2)},
    "transforms.add_virtual_node": lambda: {"graph": static()},
    "transforms.fosr": lambda: {"graph": static(), "edges": 1},
    "transforms.sdrf": lambda: {"graph": static(), "edges": 1},
    "transforms.k_hop": lambda: {"graph": static(), "hops": 2},
    "reach.rewire": lambda: {"graph": static(), "method": "k_hop", "hops": 2},
    "reach.compare": lambda: {**data(), "rewired": transforms.k_hop(static(), 2), "samples": 2},
    "reach.watch": lambda: {**data(), "every": 1, "samples": 2},
    "reach.layer_jacobians": lambda: small(),  # noqa: PLW0108 - defined below
    "reach.mad_gap": lambda: {"graph": static(), "near": 1, "remote": 2},
    "reach.rayleigh_quotient": lambda: {"graph": static()},
    "reach.by_hop": lambda: {"hops": distances()},
    "reach.by_lag_and_hop": lambda: {"hops": distances()},
    "reach.dirichlet_energy": lambda: {"graph": static()},
    "reach.distance_to_limit": lambda: {"graph": static()},
    "reach.estimate_by_hop": lambda: {**small(), "samples": 2},
    "reach.estimate_influence": lambda: {**small(), "samples": 2},
    "reach.hop_distances": lambda: {"graph": static()},
    "reach.influence": lambda: small(),  # noqa: PLW0108 - defined below
    "reach.layer_spectrum": lambda: {**small(), "layer": 1},
    "reach.layers_needed": lambda: {"graph": static()},
    "reach.mean_distance": lambda: {"distances": distances()},
    "reach.over_layers": lambda: {**small(), "measure": reach.dirichlet_energy},
    "reach.parameter_gradients": lambda: {"samples": 2},
    "reach.receptive_field": lambda: small(),  # noqa: PLW0108 - defined below
    "reach.routes": lambda: {"graph": static()},
    "reach.row_gradients": lambda: {
        "model": seeded(lambda: nn.Model(nn.GCN(2, 3), 2)),
        "graph": static().replace(y=torch.tensor([0, 1, 0, 1, 0])),
        "loss": torch.nn.functional.cross_entropy,
    },
    "reach.state_gradients": lambda: {"samples": 2},
    "reach.theory.directed_path_weight": lambda: {"target": 3, "source": 0},
    "reach.theory.latch_threshold": lambda: {"gain": 2.0},
    "reach.theory.lstm_cell_gradient": lambda: {"forget_gates": torch.full((3, 2), 0.5)},
    "reach.theory.lstm_horizon": lambda: {"forget_bias": 1.0},
    "reach.theory.rnn_gradients": lambda: {
        "x": torch.ones(1, 4, 2),
        "y": torch.tensor([1]),
        "weights": rnn_weights(),
    },
    "reach.theory.stationary_weights": lambda: {"degrees": torch.tensor([1.0, 2.0])},
    "plot.animate_message": lambda: {"graph": static(), "weights": torch.ones(3, 5)},
    "plot.diagnosis": lambda: {"report": diagnosed()},
    "plot.history": lambda: {"history": gs.History([1.0], [0.5], [0.1], [0.01])},
    "plot.draw_accuracy": lambda: {"curves": {"GCN": {2: (0.5, 0.4, 0.6), 3: (0.6, 0.5, 0.7)}}},
    "plot.draw_bits": lambda: {"bars": {"LSTM": (1.5, "LSTM")}},
    "plot.draw_cliff_map": lambda: {"accuracy": torch.ones(2, 2), "chance": 0.1},
    "plot.draw_cones": lambda: {"models": {"GCN": (torch.ones(12, dtype=torch.bool), torch.ones(12))}},
    "plot.draw_groups": lambda: {"lines": {"GCN": {"all": share()}}, "groups": ["all"]},
    "plot.draw_hops": lambda: {"graph": static()},
    "plot.draw_influence_by_hop": lambda: {"profiles": {"GCN": reach.Profile(torch.arange(3), torch.ones(3))}},
    "plot.draw_message": lambda: {"graph": static(), "weights": torch.ones(5)},
    "plot.draw_over_layers": lambda: {"curves": {"GCN": [1.0, 0.5]}, "ylabel": "energy"},
    "plot.draw_reach": lambda: {"reach_mask": torch.ones(12, dtype=torch.bool)},
    "plot.draw_receptive_fields": lambda: {"graph": static(), "depths": [1]},
    "plot.draw_regions": lambda: {
        "image": torch.zeros(3, 3, 1),
        "labels": torch.arange(9).reshape(3, 3),
        "graph": gs.region_graph(torch.zeros(3, 3, 1), torch.arange(9).reshape(3, 3)),
    },
    "plot.draw_rows_by_hop": lambda: {"hops": torch.tensor([0, 1, 2])},
    "plot.draw_values": lambda: {"graph": static(), "values": torch.ones(5), "label": "influence"},
    "plot.groups_figure": lambda: {
        **{"lines": {"GCN": {"all": share()}}, "panels": {"one": ["all"]}},
        **{"chance": 0.5, "ylabel": "accuracy"},
    },
    "plot.message_weights": lambda: {"graph": static()},
    "plot.save_animation": lambda: {
        "path": new_path("message.gif"),
        "animation": animation(),
    },
    "text.beam_search": lambda: {"model": writer(), "width": 2},
    "text.generate": lambda: {"model": writer()},
    "text.greedy": lambda: {"model": writer()},
    "text.nearest": lambda: {"character": "z"},
    "datasets.book": lambda: {"name": "NL_darwin"},
    "datasets.find": lambda: {"name": "chickenpox"},
    "datasets.descriptors": lambda: {"smiles": ["CCO"]},
    "testing.check_encoder": lambda: {"build": lambda channels: nn.MLP(channels, 4), "exclude": encoder_checks()},
    "testing.check_task": lambda: {"build": task, "exclude": task_checks()},
}

# An object of each public class: arguments of its constructor.
OBJECTS: dict[str, Callable[[], Arguments]] = {
    "DivergedError": lambda: {"message": "loss is nan", "history": gs.History()},
    "Forecaster": lambda: {"models": ["persistence"], "lags": 2, "steps": 2},
    "NeighborSampler": lambda: {"graph": static(), "num_neighbors": [-1, -1]},
    "Scaler": lambda: {"mean": torch.zeros(3, 2), "deviation": torch.ones(3, 2), "per": "node"},
    "SpaceTimeGraph": lambda: {
        **{"x": torch.ones(3, 2), "node": torch.arange(3), "time": torch.zeros(3, dtype=torch.long)},
        "edge_index": torch.tensor([[0], [1]]),
    },
    "Topology": lambda: {"node": torch.arange(3), "time": torch.zeros(3, dtype=torch.long)},
    "nn.EmbeddedModel": lambda: {"embed": torch.nn.Embedding(3, 2), "model": nn.Model(nn.LSTM(2, 3), 2)},
    "nn.OnTopology": lambda: {"model": seeded(lambda: nn.Model(nn.GCN(2, 3, 2), 2))},
    "nn.Bidirectional": lambda: {"build": nn.LSTM, "hidden_channels": 4},
    "nn.Transformer": lambda: {"hidden_channels": 4},
    "nn.MinPlusGCN": lambda: {"hidden_channels": 4},
    "tasks.CorsoDiameter": lambda: {"num_graphs": 12, "sizes": (8, 10)},
    "tasks.CorsoEccentricity": lambda: {"num_graphs": 12, "sizes": (8, 10)},
    "tasks.CorsoShortestPaths": lambda: {"num_graphs": 12, "sizes": (8, 10)},
    "tasks.EchoDiameter": lambda: {"num_graphs": 18},
    "tasks.EchoEccentricity": lambda: {"num_graphs": 18},
    "tasks.EchoShortestPaths": lambda: {"num_graphs": 18},
    "nn.GradientCheckpointed": lambda: {"length": 2},
    "nn.TruncatedBPTT": lambda: {"length": 2},
    "tasks.Recall": lambda: {"length": 6},
    "tasks.AssociativeRecall": lambda: {"num_pairs": 2},
    "tasks.CopyMemory": lambda: {"delay": 3},
    "tasks.Forecasting": lambda: {"graph": recording(), "lags": 2},
    "tasks.GraphRegression": lambda: {"graphs": measured()},
    "tasks.LinkPrediction": lambda: {"graph": recording(), "lags": 1},
    "tasks.NeighborsMatch": lambda: {"depth": 2},
    "tasks.NodeClassification": lambda: {"graph": static().replace(y=torch.tensor([0, 1, 0, 1, 0]))},
    "tasks.NodeRegression": lambda: {"graph": static().replace(y=torch.ones(5, 1))},
    "tasks.ShortestPaths": lambda: {"num_nodes": 6},
    "tasks.Eccentricity": lambda: {"num_nodes": 6},
    "training.Cosine": lambda: {"steps": 5},
    "training.EarlyStopping": lambda: {"validation": tasks.GraphClassification(labelled(), 2), "every": 1},
    "training.Every": lambda: {"steps": 2, "callback": stopper()},
    "training.Product": lambda: {"parts": (training.Warmup(2), training.Cosine(5))},
    "training.StepDecay": lambda: {"factor": 0.5, "every": 2},
    "training.TensorBoard": lambda: {"folder": folder() / "board"},
    "training.Warmup": lambda: {"steps": 2},
    "baselines.Autoregression": lambda: {"weight": torch.ones(4, 1), "bias": torch.zeros(1), "lags": 2},
    "baselines.Bigram": lambda: {"task": characters()},
    "baselines.Constant": lambda: {"output": torch.zeros(10)},
    "baselines.GraphAutoregression": lambda: {"weight": torch.ones(8, 1), "bias": torch.zeros(1), "lags": 2},
    "reach.Probe": lambda: {
        "model": seeded(lambda: nn.Model(nn.GRU(2, 3), 2)),
        "data": gs.from_sequence(torch.ones(5, 2), y=torch.tensor([0, 1, 0, 1, 1])),
    },
    "testing.EncoderCase": lambda: {"build": lambda channels: nn.MLP(channels, 4)},
    "testing.TaskCase": lambda: {"build": task},
    "testing.Graphs": lambda: {},
    "io.Treebank": lambda: {"name": "mine", "sentences": tuple(sentences())},
}

# Records: named tuples and dataclasses that hold what the library puts into them, and check nothing.
RECORDS = {
    *("Dense", "Evaluation", "History", "Predictions", "nn.GateValues", "nn.RecurrentState", "nn.ForgettingState"),
    *("nn.Trace", "tasks.Case", "tasks.Irrelevant", "tasks.Split", "io.Edge", "io.GraphDataset", "io.Listed"),
    *("io.PlainGraph", "io.Sentence", "io.Skipped", "io.TemporalDataset", "io.Treebank", "io.Word"),
    *(
        "Forecast",
        "training.Selected",
        "evaluation.Estimate",
        "reach.Estimate",
        "reach.Evidence",
        "reach.Grid",
        "reach.Profile",
    ),
    *("reach.ProfileEstimate", "reach.StateGradients", "reach.Verdict", "reach.theory.RNNGradients"),
    *(
        "reach.Advice",
        "reach.Comparison",
        "reach.Diagnosis",
        "reach.HopProfile",
        "reach.LayerJacobians",
        "nn.ConvReach",
    ),
    *("reach.theory.RNNWeights", "text.Beam", "testing.Check", "testing.Suite", "DivergedError"),
}
# Base classes and protocols, whose methods are those of the classes derived from them.
# ``diagnose`` makes a Diagnosis, and ``process_group`` the groups of processes; their methods take nothing of a user's.
# What is documented as checking nothing, or moves what was checked.
UNCHECKED = {
    "Topology",
    "SpaceTimeGraph.from_topology",
    *(f"Topology.{name}" for name in ("is_of", "keep", "to", "spacetime")),
}
ABSTRACT = {
    "training.distributed.process_group",
    *("training.distributed.ProcessGroup", "training.distributed.SingleProcess", "training.distributed.share_of"),
    *("reach.Diagnosis", "nn.ConvReach"),
    *("nn.Encoder", "tasks.FixedTask", "tasks.Task", "tasks.Regression", "training.Callback", "training.Schedule"),
}
# Errors are raised by the library, and made by nobody else.
ERRORS = {"reach.TooLargeError", "reach.UnreachableError"}

CORSO = (tasks.CorsoDiameter, tasks.CorsoEccentricity, tasks.CorsoShortestPaths)

# An object of each record that has methods, and of each class whose methods need more than its constructor.
INSTANCES: dict[str, Callable[[], Any]] = {
    # As many graphs that there are three of each family.
    **{f"tasks.{kind.__name__}": partial(kind, 100, sizes=(8, 10)) for kind in CORSO},
    "Forecast": lambda: gs.Forecaster(models=["persistence"], lags=2, steps=2).fit(**table()).predict(),
    "Forecaster": lambda: gs.Forecaster(models=["persistence"], lags=2, steps=2).fit(**table()),
    "reach.Estimate": lambda: reach.Estimate(torch.ones(2), torch.ones(2), 4),
    "reach.ProfileEstimate": lambda: reach.ProfileEstimate(torch.arange(2), torch.ones(2), torch.ones(2), 4),
    "training.EarlyStopping": lambda: validated(),  # noqa: PLW0108 - defined below
    "Evaluation": lambda: gs.Evaluation(0.5, 0.4, 0.6, 1.0, 0.5, 10),
    "History": lambda: gs.History([1.0], [0.5], [0.1], [0.01]),
    "io.Sentence": lambda: sentences()[0],
    "nn.RecurrentState": lambda: run_state(nn.LSTM(2, 3)),
    "nn.ForgettingState": lambda: run_state(nn.ForgettingGCNLSTM(2, 3)),
}

# Classes whose objects take long to make: one is made a process, and copied for each call.
DEAR = {"Forecast", "Forecaster"} | {
    f"tasks.{made}{name}" for made in ("Corso", "Echo") for name in ("Diameter", "Eccentricity", "ShortestPaths")
}

# Arguments of methods, by class and method or by method alone.
METHODS: dict[str, Callable[[], Arguments]] = {
    "Forecast.to_csv": lambda: {"path": new_path("forecast.csv")},
    "Forecaster.fit": table,
    "Forecaster.load": lambda: {"path": forecaster_file()},
    "Forecaster.predict": table,
    "Forecaster.save": lambda: {"path": new_path("forecaster.pt")},
    "nn.GCNConv.forward": lambda: {},
    "nn.WeightedSAGE.forward": lambda: {},
    "History.append": lambda: {"loss": 1.0, "score": 0.5, "grad_norm": 0.1, "lr": 0.01},
    "History.recent_score": lambda: {"window": 1},
    "History.to_csv": lambda: {"path": new_path("history.csv")},
    "History.to_json": lambda: {"path": new_path("history.json")},
    "History.from_json": lambda: {"path": folder() / "history.json"},
    "Scaler.fit": lambda: {"until": 3},
    "Scaler.inverse": lambda: {"values": torch.zeros(2, 2), "node": torch.tensor([0, 1])},
    "SpaceTimeGraph.from_topology": lambda: {"topology": signal().topology, "x": signal().x},
    "SpaceTimeGraph.replace": lambda: {},
    "SpaceTimeGraph.replace_rows": lambda: {
        **{"topology": static().topology, "origin": torch.tensor([0, 1, 2, 0, 1])},
        "answers": torch.tensor([True, True, True, False, False]),
    },
    "SpaceTimeGraph.snapshot": lambda: {"time": 0},
    "Topology.is_of": lambda: {"tensors": signal().topology.parts},
    "Topology.keep": lambda: {"key": "mine", "make": lambda: 1},
    "nn.EmbeddedModel.forward": lambda: {"graph": gs.from_sequence(torch.tensor([0, 1, 2]))},
    "nn.EmbeddedModel.reach": lambda: {"graph": gs.from_sequence(torch.tensor([0, 1, 2]))},
    "nn.OnTopology.forward": lambda: {"x": torch.zeros(12, 2)},
    "nn.PairHead.forward": lambda: {"states": states(), "graph": pairs()},
    "nn.GraphHead.forward": lambda: {"states": states(), "graph": static()},
    "nn.RowHead.forward": lambda: {"states": states(), "graph": static()},
    "nn.ResidualHead.forward": lambda: {"states": states(), "graph": static()},
    **{
        f"tasks.{made}{name}.split": lambda: {"shares": (0.4, 0.3, 0.3)}
        for made in ("Corso", "Echo")
        for name in ("Diameter", "Eccentricity", "ShortestPaths")
    },
    "tasks.CorsoDiameter.memory_content": lambda: {"graph": of_one_graph("tasks.CorsoDiameter")},
    "tasks.EchoDiameter.memory_content": lambda: {"graph": of_one_graph("tasks.EchoDiameter")},
    "tasks.Characters.split": lambda: {"length": 2, "text": "abc" * 20},
    "tasks.Transfer.on": lambda: {"graph": static(), "source": 0, "asked": 4},
    "tasks.Agreement.folds": lambda: {"count": 2},
    "tasks.GraphClassification.folds": lambda: {"count": 2},
    "folds": lambda: {"count": 3},
    "between": lambda: {"first": 0, "last": 2},
    "split": lambda: {"train": 0.4, "validation": 0.3},
    "NeighborSampler.pieces": lambda: {"size": 2},
    "io.Sentence.graph": lambda: {"x": torch.ones(2, 2)},
    "training.EarlyStopping.validate": lambda: {"model": pooled()},
    "training.EarlyStopping.load_state_dict": lambda: {"state": stopper().state_dict()},
    "training.EarlyStopping.loss": lambda: {"model": pooled()},
    "training.EarlyStopping.restore": lambda: {"model": pooled()},
    "training.Every.load_state_dict": lambda: {"state": stopper().state_dict()},
    "baselines.Bigram.forward": lambda: {"graph": characters().batch(2, generator())},
    "baselines.Frequency.forward": lambda: {"graph": links().batch(2, generator())},
    "baselines.Recency.forward": lambda: {"graph": links().batch(2, generator())},
    "baselines.Autoregression.forward": lambda: {"graph": forecasting().batch(2, generator())},
    "baselines.GraphAutoregression.forward": lambda: {"graph": forecasting().batch(2, generator())},
    "testing.Graphs.grow": lambda: {"graph": sequence()},
    "nn.PairHead.reach": lambda: {"states": fields, "graph": pairs()},
    "nn.GraphHead.reach": lambda: {"states": fields, "graph": static()},
    "nn.RowHead.reach": lambda: {"states": fields, "graph": static()},
    "nn.ResidualHead.reach": lambda: {"states": fields, "graph": static()},
    "nn.DAGRNN.forward": lambda: {"graph": acyclic()},
    "nn.DAGRNN.reach": lambda: {"graph": acyclic()},
    "nn.DAGRNN.trace": lambda: {"graph": acyclic()},
    "nn.DAGGRU.forward": lambda: {"graph": acyclic()},
    "nn.DAGGRU.reach": lambda: {"graph": acyclic()},
    "nn.DAGGRU.trace": lambda: {"graph": acyclic()},
    "nn.DAGLSTM.forward": lambda: {"graph": acyclic()},
    "nn.DAGLSTM.reach": lambda: {"graph": acyclic()},
    "nn.DAGLSTM.trace": lambda: {"graph": acyclic()},
    "baselines.Autoregression.fit": lambda: {"task": forecasting()},
    "baselines.GraphAutoregression.fit": lambda: {"task": forecasting()},
    "reach.Probe.attribution": lambda: {"output": 1},
    "reach.Probe.receptive_field": lambda: {"output": 1},
    "reach.Probe.layer_spectrum": lambda: {"layer": 2},
    "reach.Probe.state_gradients": lambda: {"loss": torch.nn.functional.cross_entropy},
    "reach.Probe.row_gradients": lambda: {"loss": torch.nn.functional.cross_entropy},
    "testing.EncoderCase.encoder": lambda: {},
    "testing.Graphs.random": lambda: {"seed": 0},
    "testing.Graphs.directed": lambda: {"seed": 0},
    "testing.Graphs.sequence": lambda: {"seed": 0},
    "testing.Graphs.static": lambda: {"seed": 0},
    "testing.Graphs.signal": lambda: {"seed": 0},
}

# What a subclass writes and the library calls, with what it has checked; and the decorators of the suites.
LEFT_OUT = {
    *(
        "reach.Probe.over_layers",
        "reach.Probe.chosen",
        "reach.Evidence.skill",
        "reach.Probe.outputs_at",
        "reach.Probe.place",
    ),
    "encode",
    "layers",
    "by_generation",
    "run_segment",
    "testing.Suite.run",
    "testing.Suite.check",
}
# PyG's methods that a graph over time has not, and says so.
LEFT_OUT |= {
    f"SpaceTimeGraph.{name}" for name in ("connected_components", "to_heterogeneous", "subgraph", "edge_subgraph")
}
# Tasks whose answers need different numbers of items, which the method says.
LEFT_OUT |= {
    f"tasks.{name}.memory_content"
    for name in (
        *("Characters", "Eccentricity", "NodeClassification", "NodeRegression"),
        *("CorsoEccentricity", "EchoEccentricity"),
    )
}


# Calls that are right, and start a process on each core.
SLOW = {("sweep", "jobs", "None")}
# Numbers that may be infinite or nan: what a diverged training is recorded by.
ANY_NUMBER = {("History.append", name) for name in ("loss", "score", "grad_norm", "lr")}


@dataclass(frozen=True)
class Public:
    """A public callable and a valid call of it."""

    name: str
    signature: inspect.Signature
    get: Callable[[], Callable[..., Any]]  #: a method of a new object, where it is one
    given: Callable[[], Arguments]  #: new arguments of a valid call

    def call(self, **changed: object) -> Any:
        """The result of the valid call, with other values of some arguments; an iterator is read to its end."""
        return finished(self.get()(**{**self.given(), **changed}))


def finished(result: Any) -> Any:
    """What a call gives in the end: an iterator is read, and a block is entered and left."""
    if isinstance(result, AbstractContextManager) and not isinstance(result, torch.nn.Module | Path):
        with result as entered:
            return entered
    return list(result) if isinstance(result, Iterator) else result


def public_names() -> dict[str, Any]:
    """Every public object by its name below ``graphseq``; one that several modules show, by its first."""
    found: dict[str, Any] = {}
    for module in MODULES:
        loaded = importlib.import_module(f"graphseq.{module}".rstrip("."))
        for name in getattr(loaded, "__all__", ()):
            value = getattr(loaded, name)
            if not inspect.ismodule(value) and not any(value is other for other in found.values()):
                found[f"{module}.{name}".lstrip(".")] = value
    return found


def public_calls() -> list[Public]:
    """All of them, in the order of the modules."""
    return [call for name, value in public_names().items() for call in _of(name, value)]


def _of(name: str, value: Any) -> Iterator[Public]:
    if not callable(value) or name in ERRORS | ABSTRACT | UNCHECKED:
        return
    if not inspect.isclass(value):
        yield _public(name, value, lambda: value, FUNCTIONS.get(name, dict))
        return
    if name not in RECORDS:
        yield _public(name, value, lambda: value, OBJECTS.get(name, dict))
    for method, is_bound in _methods(value):
        if not {full := f"{name}.{method}", method} & (LEFT_OUT | UNCHECKED):
            given = METHODS.get(full, METHODS.get(method, dict))
            if issubclass(value, tasks.Task) and is_bound and given is dict and method not in METHODS:
                given = lambda: of_task(_made(name, value))  # noqa: E731
            function = getattr(value, method)
            target = (lambda m=method: getattr(_made(name, value), m)) if is_bound else (lambda f=function: f)
            yield _public(full, function, target, given, skip_first=is_bound)


def _methods(kind: type) -> Iterator[tuple[str, bool]]:
    """Public methods that the library defines on a class or its bases, each with True where it needs an object."""
    for method in sorted(dir(kind)):
        for base in kind.__mro__:
            if method in vars(base):
                own = base.__module__.startswith("graphseq.") and not method.startswith("_")
                found = vars(base)[method]
                if own and (inspect.isfunction(found) or isinstance(found, classmethod | staticmethod)):
                    yield method, inspect.isfunction(found)
                break


def _public(
    name: str, function: Any, get: Callable[[], Any], given: Callable[[], Arguments], *, skip_first: bool = False
) -> Public:
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[int(skip_first) :]
    needed = [
        one.name
        for one in parameters
        if one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
    ]

    def arguments() -> Arguments:
        own = given()
        missing = [one for one in needed if one not in own and one not in VALUES]
        if missing:
            raise LookupError(f"{name} needs a value of {missing[0]} in tests/helpers/public_calls.py")
        own = {key: value for key, value in own.items() if key in signature.parameters}
        return {**{one: VALUES[one]() for one in needed if one not in own}, **own}

    return Public(name, signature.replace(parameters=parameters), get, arguments)


def _made(name: str, kind: type) -> Any:
    if name in DEAR:
        return copy.deepcopy(_once(name, kind))
    return _new(name, kind)


@cache
def _once(name: str, kind: type) -> Any:
    return _new(name, kind)


def of_one_graph(name: str) -> Any:
    """A batch of one graph of a task, in which all answers need as many rows."""
    return _made(name, getattr(tasks, name.removeprefix("tasks."))).batch(1, generator())


def _new(name: str, kind: type) -> Any:
    if name in INSTANCES:
        return INSTANCES[name]()
    return seeded(lambda: _public(name, kind, lambda: kind, OBJECTS.get(name, dict)).call())
