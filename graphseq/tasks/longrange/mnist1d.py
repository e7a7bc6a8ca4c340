"""MNIST-1D: sequences of 40 numbers of ten classes, read from its pickle by a reader that admits numpy arrays alone."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.data.constructors import from_sequence
from graphseq.tasks.graphs import GraphClassification

_ADMITTED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((module, "_reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
    *((module, "scalar") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
}


class _ArraysOnly(pickle.Unpickler):
    """A reader of pickles that builds numpy arrays and nothing else, so that no code of a file is run."""

    def find_class(self, module: str, name: str) -> Any:
        """Return an admitted class.

        Raises:
            ValueError: any other.
        """
        if (module, name) not in _ADMITTED:
            raise ValueError(f"the file asks for {module}.{name}; only numpy arrays are read")
        return super().find_class(module, name)


@checked_arguments
def read_mnist1d(
    path: str | Path, *, shuffle_seed: int | None = None
) -> tuple[GraphClassification, GraphClassification]:
    """Read the training and the test part of MNIST-1D as sequences, with the class asked of the whole sequence.

    Args:
        path: mnist1d_data.pkl of github.com/greydanus/mnist1d, 4,000 + 1,000 sequences.
        shuffle_seed: put the 40 positions in one random order, the same for all sequences; ``None`` leaves them.

    Returns:
        Tasks with one answer a graph: build models with ``pool=``. x is (V, 1); y is (B,).

    Raises:
        ValueError: a file that asks for anything but numpy arrays, is no pickle, or has other parts than x, y, x_test
            and y_test with sequences (N, T).
        OSError: it cannot be read.

    Source: Greydanus and Kobak, *Scaling Down Deep Learning with MNIST-1D* (2024).
    """
    try:
        record = _ArraysOnly(io.BytesIO(Path(path).read_bytes())).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, KeyError, TypeError, ImportError) as error:
        raise ValueError(f"path: {path} is no pickle of numpy arrays; {error}") from error
    names = ("x", "y", "x_test", "y_test")
    arrays = [record.get(name) if isinstance(record, dict) else None for name in names]
    x, y, x_test, y_test = (_array(path, name, array) for name, array in zip(names, arrays, strict=True))
    order = torch.arange(x.shape[-1])
    if shuffle_seed is not None:
        seed = _checks.torch_seed("shuffle_seed", shuffle_seed)
        order = torch.randperm(x.shape[-1], generator=torch.Generator().manual_seed(seed))
    return _task(path, x, y, order), _task(path, x_test, y_test, order)


def _array(path: str | Path, name: str, value: object) -> Tensor:
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiu" or not len(value):
        raise ValueError(f"path: {path} must hold an array of numbers as {name!r}")
    return torch.from_numpy(value.copy())


def _task(path: str | Path, x: Tensor, y: Tensor, order: Tensor) -> GraphClassification:
    if x.dim() != 2 or y.shape != x.shape[:1] or x.shape[1] != len(order):
        raise ValueError(
            f"path: {path} must hold sequences (N, {len(order)}) and classes (N,); got {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    numbers = x[:, order, None].to(torch.get_default_dtype())
    rows = [from_sequence(row, y=label) for row, label in zip(numbers, y.long()[:, None], strict=True)]
    return GraphClassification(rows, num_classes=max(2, int(y.max()) + 1))
