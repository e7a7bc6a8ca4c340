"""Import every public name of the installed package, use an extra, and run the Python snippets of a README.

``python tools/try_wheel.py README [EXTRA]``, from a folder other than the repository's.
"""

from __future__ import annotations

import importlib
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import graphseq

PACKAGES = (
    "nn",
    "tasks",
    "reach",
    "training",
    "evaluation",
    "baselines",
    "transforms",
    "io",
    "datasets",
    "plot",
    "text",
    "testing",
)


def tensorboard(folder: Path) -> None:
    """Write the events of a short training."""
    task = graphseq.tasks.Palindrome(3)
    model = graphseq.nn.Model(graphseq.nn.RNN(task.in_channels, 4), task.out_channels)
    graphseq.fit(model, task, steps=2, callbacks=[graphseq.training.TensorBoard(folder / "events")])


def cluster(folder: Path) -> None:
    """Import what the sweeps on a cluster hand their runs to."""
    importlib.import_module("distributed").Client  # noqa: B018 - an attribute that its package imports on use


def sentences(folder: Path) -> None:
    """Read a treebank of one word."""
    path = folder / "tree.conllu"
    path.write_text("1\tSnow\tsnow\tNOUN\t_\t_\t0\troot\t_\t_\n\n", encoding="utf-8")
    if len(graphseq.io.read_conllu(path).sentences) != 1:
        raise SystemExit("a treebank of one sentence was read as another number")


def traffic(folder: Path) -> None:
    """Read a recording in HDF5."""
    h5py, numpy = importlib.import_module("h5py"), importlib.import_module("numpy")
    with h5py.File(folder / "speed.h5", "w") as file:
        group = file.create_group("df")
        group.attrs["pandas_type"] = b"frame"
        group["block0_values"] = numpy.ones((4, 2))
        group["block0_items"] = group["axis0"] = numpy.array([b"a", b"b"])
        group["axis1"] = numpy.arange(4)
    graphseq.io.read_traffic(folder / "speed.h5")


def molecules(folder: Path) -> None:
    """Read a molecule."""
    graphseq.io.from_smiles("CO")


def examples(folder: Path) -> None:
    """Import what the scripts of ``examples`` need."""
    importlib.import_module("sklearn.linear_model")
    importlib.import_module("skimage.segmentation")


USES: dict[str, Callable[[Path], None]] = {
    use.__name__: use for use in (tensorboard, cluster, sentences, traffic, molecules, examples)
}


def main() -> None:
    """Raise what the package raises."""
    if Path(graphseq.__file__).is_relative_to(Path.cwd()) and "site-packages" not in graphseq.__file__:
        raise SystemExit(f"{graphseq.__file__} is not the installed package; run this elsewhere")
    for name in ("graphseq", *(f"graphseq.{package}" for package in PACKAGES)):
        module = importlib.import_module(name)
        for public in module.__all__:
            getattr(module, public)
    for extra in sys.argv[2:]:
        with tempfile.TemporaryDirectory() as folder:
            USES[extra](Path(folder))
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for snippet in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        exec(snippet, names)  # noqa: S102 - the README is ours


if __name__ == "__main__":
    main()
