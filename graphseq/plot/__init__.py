"""Pictures. Each takes data and gives a matplotlib figure or draws on given axes; none of them trains or measures."""

from graphseq.plot.cliff import figure as cliff_figure
from graphseq.plot.cones import draw_cones, draw_reach
from graphseq.plot.hops import draw_hops, draw_receptive_fields

__all__ = ["cliff_figure", "draw_cones", "draw_hops", "draw_reach", "draw_receptive_fields"]
