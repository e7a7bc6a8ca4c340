"""Graphs and sequences as one: the public names. They load on first use."""

from . import datasets as datasets
from . import nn as nn
from . import plot as plot
from . import reach as reach
from . import tasks as tasks
from .build import from_graph as from_graph
from .build import from_sequence as from_sequence
from .build import from_signal as from_signal
from .build import from_snapshots as from_snapshots
from .evaluation import Evaluation as Evaluation
from .evaluation import evaluate as evaluate
from .events import from_events as from_events
from .graph import Dense as Dense
from .graph import SpaceTimeGraph as SpaceTimeGraph
from .growth import grow as grow
from .history import History as History
from .lagging import lagged as lagged
from .prediction import Predictions as Predictions
from .prediction import average_precision as average_precision
from .prediction import predict as predict
from .scaling import Scaler as Scaler
from .scaling import with_season as with_season
from .topology import Topology as Topology
from .training import DivergedError as DivergedError
from .training import fit as fit
from .traversal import traverse as traverse
