"""Molecular descriptors, as used in linear models of chemistry."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphseq._arguments import checked_arguments
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
"""RDKit's names: estimated log P and molar refractivity, weight, counts, and polar and total surface areas."""


@checked_arguments
def descriptors(smiles: Sequence[str], names: Sequence[str] = DESCRIPTORS) -> Tensor:
    """Return descriptors that RDKit computes from the structure of each molecule, (B, D) in float64.

    Args:
        smiles: B molecules.
        names: D functions of ``rdkit.Chem.Descriptors``.

    Raises:
        ImportError, TypeError: as :func:`~graphseq.io.from_smiles`.
        ValueError: SMILES that do not parse, or a name that RDKit does not have.

    Example:
        Water weighs 18.015 u and has no ring:

        >>> descriptors(["O"], ("MolWt", "RingCount")).tolist()
        [[18.015, 0.0]]
    """
    molecules = [molecule(text) for text in smiles]
    from rdkit.Chem import Descriptors  # noqa: PLC0415 - an optional dependency, whose absence was reported above

    known = dict(Descriptors.descList)
    if missing := [name for name in names if name not in known]:
        raise ValueError(f"names must be descriptors of RDKit, such as 'MolWt'; it has no {', '.join(missing)}")
    values = [[float(known[name](parsed)) for name in names] for parsed in molecules]
    return torch.tensor(values, dtype=torch.float64).reshape(len(molecules), len(names))
