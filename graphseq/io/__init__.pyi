"""Readers of files: the public names."""

from .graph import FORMATS as FORMATS
from .graph import read_graph as read_graph
from .graph_names import NAMES as NAMES
from .graph_names import named_graph as named_graph
from .graph_plain import Edge as Edge
from .graph_plain import Listed as Listed
from .graph_plain import PlainGraph as PlainGraph
from .graph_plain import plain_graph as plain_graph
