"""Models in files: weights, and the recipe of the architecture as plain data. No code is run from such a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

import graphseq
from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._printable import printable_errors
from graphseq._torch import archive
from graphseq.nn.encoder import Encoder
from graphseq.nn.model import Model
from graphseq.nn.recipe import built, recipe_of
from graphseq.training.checkpoint import check_weights

FORMAT = "graphseq model 1"
_CHECKPOINT = (
    "it is a checkpoint of fit, which goes on from it by resume; build the model, and give it the weights by "
    "model.load_state_dict(torch.load(path)['model']). The command text train writes model.pt beside its checkpoint"
)
_KEYS = {"format", "recipe", "weights", "version"}

M = TypeVar("M", bound=nn.Module)


@checked_arguments
def save(model: Model | Encoder, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a model, its architecture and its weights, to be read back by :func:`load`.

    The file holds the weights and the arguments that the model was built from, as plain data, with a checksum. It is
    there whole or not at all.

    Args:
        model: of this library, or an :class:`~graphseq.nn.Encoder` of your own. Of any other module write
            ``model.state_dict()`` by ``torch.save``.
        path: the file.
        overwrite: replace a file that is already there.

    Returns:
        ``path``.

    Raises:
        FileExistsError: the file is there and ``overwrite`` is false.
        TypeError: an argument of the model, such as a ``lambda``, that plain data cannot describe.
        ValueError: a model that was changed after it was built, so that its arguments do not describe it any more.

    Example:
        >>> import graphseq as gs, tempfile, torch
        >>> model = gs.nn.Model(gs.nn.GCNLSTM(2, 8), 1)
        >>> graph = gs.from_sequence(torch.randn(5, 2))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     copy = gs.load(gs.save(model, f"{folder}/model.pt"))
        >>> torch.equal(copy(graph), model(graph))
        True
    """
    recipe, known = recipe_of(model)
    weights = model.state_dict()
    try:
        check_weights(_rebuilt(recipe, known, weights), weights, "model")
    except Exception as error:  # a constructor may raise anything
        raise ValueError(
            f"model was changed after it was built, so that its arguments do not describe it: {error}. "
            "Write model.state_dict() by torch.save instead"
        ) from None
    content = {"format": FORMAT, "recipe": recipe, "weights": weights, "version": graphseq.__version__}
    return archive.write(path, content, overwrite=overwrite)


@printable_errors
@checked_arguments
def load(
    path: str | Path, *, classes: Sequence[Callable[..., Any]] = (), device: torch.device | str = "cpu"
) -> Model | Encoder:
    """Read a model that :func:`save` wrote, in evaluation mode.

    Args:
        path: the file.
        classes: your own classes and functions of which the model is made, such as ``[MyEncoder, MyConv]``. No other
            code than theirs, graphseq's, torch's and PyG's is run.
        device: where the model goes.

    Raises:
        ValueError: no such file, damaged, of a class that is not known, or with weights that do not fit; the message
            says which.
        OSError: the file cannot be read.

    Example:
        >>> import tempfile
        >>> from graphseq import nn
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     load(save(nn.RNN(2, 4), f"{folder}/model.pt")).hidden_channels
        4
    """
    if Path(path).is_dir():
        raise ValueError(
            f"{path} is a folder; name a file written by graphseq.save, such as model.pt of text train in it"
        )
    content, size = archive.read(path, "file of a model")
    if not isinstance(content, dict) or content.get("format") != FORMAT or content.keys() != _KEYS:
        raise ValueError(f"{path} must be a file written by graphseq.save; {_kind(content)}")
    weights = content["weights"]
    if not isinstance(weights, Mapping):
        raise ValueError(f"{path} must hold weights by name, got {type(weights).__name__}")
    try:
        archive.check_tensors(weights, size)
        model = _rebuilt(content["recipe"], {kind.__name__: kind for kind in classes}, weights)
        check_weights(model, weights, str(path))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} holds what this version cannot build: {error}") from None
    model.load_state_dict(weights)
    model.eval().to(_checks.device("device", device))
    return model


def _rebuilt(recipe: object, known: Mapping[str, Callable[..., Any]], weights: Mapping[str, object]) -> Model | Encoder:
    """Build a model with numbers of the type of its weights, and leave the global random state as it is."""
    with torch.random.fork_rng(devices=[]):
        model: object = built(recipe, known)
    if not isinstance(model, Model | Encoder):
        raise ValueError(f"a {type(model).__name__} as a model")
    own = model.state_dict()
    pairs = [(own[name], weight) for name, weight in weights.items() if name in own and torch.is_tensor(weight)]
    floats = {weight.dtype for old, weight in pairs if torch.is_tensor(old) and old.is_floating_point()}
    if len(floats) == 1:
        model.to(floats.pop())
    return model


def _kind(content: object) -> str:
    """Return what a file is that is none of a model."""
    said = str(content.get("format")) if isinstance(content, dict) else ""
    if said.startswith("graphseq checkpoint"):
        return _CHECKPOINT
    if said.startswith("graphseq forecaster"):
        return "it is a forecaster, which graphseq.Forecaster.load reads"
    return "it is not"
