"""Training: the public names."""

from . import distributed as distributed
from .callbacks import Callback as Callback
from .callbacks import Every as Every
from .early_stopping import EarlyStopping as EarlyStopping
from .early_stopping import Selected as Selected
from .tensorboard import TensorBoard as TensorBoard
