"""Baselines: the public names."""

from .constant import Bigram as Bigram
from .constant import Constant as Constant
from .forecast import Autoregression as Autoregression
from .forecast import Frequency as Frequency
from .forecast import GraphAutoregression as GraphAutoregression
from .forecast import Persistence as Persistence
from .forecast import Recency as Recency
from .wl_features import subtree_features as subtree_features
