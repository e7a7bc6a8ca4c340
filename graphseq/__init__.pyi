"""Graphs and sequences as one: the public names. They load on first use."""

from . import baselines as baselines
from . import datasets as datasets
from . import evaluation as evaluation
from . import io as io
from . import nn as nn
from . import plot as plot
from . import reach as reach
from . import tasks as tasks
from . import testing as testing
from . import text as text
from . import training as training
from . import transforms as transforms
from .data.constructors import from_graph as from_graph
from .data.constructors import from_sequence as from_sequence
from .data.constructors import from_signal as from_signal
from .data.constructors import from_snapshots as from_snapshots
from .data.convert import Dense as Dense
from .data.events import from_events as from_events
from .data.graph import SpaceTimeGraph as SpaceTimeGraph
from .data.images import grid_graph as grid_graph
from .data.images import grid_graphs as grid_graphs
from .data.images import pixel_positions as pixel_positions
from .data.images import region_graph as region_graph
from .data.images import rows_over_time as rows_over_time
from .data.neighbor_sampler import NeighborSampler as NeighborSampler
from .data.scaler import Scaler as Scaler
from .data.scaler import add_seasonal_features as add_seasonal_features
from .data.topology import Topology as Topology
from .evaluation.evaluate import Evaluation as Evaluation
from .evaluation.evaluate import evaluate as evaluate
from .evaluation.predict import Predictions as Predictions
from .evaluation.predict import predict as predict
from .experiments.engine.sweep import sweep as sweep
from .reach.diagnosis.diagnosis import diagnose as diagnose
from .training import distributed as distributed
from .training.curriculum import fit_curriculum as fit_curriculum
from .training.curriculum import growing_lengths as growing_lengths
from .training.early_stopping import fit_with_validation as fit_with_validation
from .training.ensemble import fit_ensemble as fit_ensemble
from .training.fit import DivergedError as DivergedError
from .training.fit import fit as fit
from .training.history import History as History
from .training.model_file import load as load
from .training.model_file import save as save

__version__: str
