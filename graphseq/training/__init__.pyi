"""Callbacks, learning-rate schedules and process groups: the public names."""

from . import distributed as distributed
from .callbacks import Callback as Callback
from .callbacks import Every as Every
from .early_stopping import EarlyStopping as EarlyStopping
from .early_stopping import Selected as Selected
from .lr_schedule import Cosine as Cosine
from .lr_schedule import Product as Product
from .lr_schedule import Schedule as Schedule
from .lr_schedule import StepDecay as StepDecay
from .lr_schedule import Warmup as Warmup
from .tensorboard import TensorBoard as TensorBoard
