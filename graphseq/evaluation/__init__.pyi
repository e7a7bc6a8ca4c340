"""Metrics and their intervals: the public names."""

from .conformal import conformal_width as conformal_width
from .evaluate import Estimate as Estimate
from .groups import wilson as wilson
from .metrics import METRICS as METRICS
from .metrics import accuracy as accuracy
from .metrics import average_precision as average_precision
from .metrics import mae as mae
from .metrics import mse as mse
from .metrics import r2 as r2
