"""Pictures. Each takes data and gives a matplotlib figure; none of them trains or measures."""

from graphseq.plot.cliff import figure as cliff_figure

__all__ = ["cliff_figure"]
