"""Descriptors of molecules, as chemists put them into a linear model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphseq.io.smiles import molecule

DESCRIPTORS = (
    "MolLogP",
    "MolMR",
    "MolWt",
    "HeavyAtomCount",
    "NumHAcceptors",
    "NumHDonors",
    "NumRotatableBonds",
    "RingCount",
    "NumAromaticRings",
    "FractionCSP3",
    "TPSA",
    "LabuteASA",
)
"""Names of RDKit: estimated log P and molar refractivity, weight, counts, and polar and whole surface areas."""


def descriptors(smiles: Sequence[str], names: Sequence[str] = DESCRIPTORS) -> Tensor:
    """Numbers that RDKit works out from the structure of each molecule, (B, D) in float64.

    Args:
        smiles: B molecules.
        names: D functions of ``rdkit.Chem.Descriptors``.

    Raises:
        ImportError, TypeError: as :func:`~graphseq.io.from_smiles`.
        ValueError: a molecule that does not parse, or a name that RDKit does not have.

    Example:
        Water weighs 18.015 u, and has no ring:

        >>> descriptors(["O"], ("MolWt", "RingCount")).tolist()
        [[18.015, 0.0]]
    """
    molecules = [molecule(each) for each in smiles]
    from rdkit.Chem import Descriptors  # noqa: PLC0415 - an extra; that it is not there was said above

    known = dict(Descriptors.descList)
    if missing := [name for name in names if name not in known]:
        raise ValueError(f"names must be descriptors of RDKit, such as 'MolWt'; it has no {', '.join(missing)}")
    values = [[float(known[name](each)) for name in names] for each in molecules]
    return torch.tensor(values, dtype=torch.float64).reshape(len(molecules), len(names))
