"""Figures. Each function takes data and draws on the given axes or returns a figure; none trains or measures."""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from graphseq._names import nearest as _nearest
from graphseq.plot.accuracy import draw_accuracy, draw_bits
from graphseq.plot.animation import save_animation
from graphseq.plot.cliff_map import draw_cliff_map
from graphseq.plot.cones import draw_cones, draw_reach
from graphseq.plot.depths import draw_over_layers
from graphseq.plot.forecast import forecast_figure
from graphseq.plot.forgetting import animate_forgetting
from graphseq.plot.gate_map import draw_gates
from graphseq.plot.groups import draw_groups, groups_figure
from graphseq.plot.hops import draw_hops, draw_receptive_fields
from graphseq.plot.influence import draw_influence_by_hop
from graphseq.plot.message import animate_message, draw_message, message_weights
from graphseq.plot.molecules import molecule_layout
from graphseq.plot.node_errors import draw_errors_by_node, errors_by_node
from graphseq.plot.records import diagnosis, history
from graphseq.plot.regions import draw_regions
from graphseq.plot.summary import draw_rows_by_hop
from graphseq.plot.values import draw_values

__all__ = [
    "animate_forgetting",
    "animate_message",
    "diagnosis",
    "draw_accuracy",
    "draw_bits",
    "draw_cliff_map",
    "draw_cones",
    "draw_errors_by_node",
    "draw_gates",
    "draw_groups",
    "draw_hops",
    "draw_influence_by_hop",
    "draw_message",
    "draw_over_layers",
    "draw_reach",
    "draw_receptive_fields",
    "draw_regions",
    "draw_rows_by_hop",
    "draw_values",
    "errors_by_node",
    "forecast_figure",
    "groups_figure",
    "history",
    "message_weights",
    "molecule_layout",
    "save_animation",
]

if not _TYPE_CHECKING:  # a type checker would take any name for a public one
    __getattr__ = _nearest(__name__, __all__)
