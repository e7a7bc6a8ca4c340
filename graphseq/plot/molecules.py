"""Where the atoms of a molecule stand on paper, as chemists draw it."""

from __future__ import annotations

from typing import NamedTuple

from graphseq.io.smiles import molecule


class MoleculeLayout(NamedTuple):
    """Names and places of N atoms, as the functions that draw graphs take them."""

    labels: list[str]  #: the element of each atom, with its charge
    pos: dict[int, tuple[float, float]]  #: where each stands, in the length of a bond


def molecule_layout(smiles: str) -> MoleculeLayout:
    """Have RDKit lay a molecule out in the plane; atoms are numbered as the rows of ``from_smiles``.

    Raises:
        ImportError, TypeError, ValueError: as :func:`graphseq.io.from_smiles`.

    Example:
        >>> molecule_layout("C[NH3+]").labels
        ['C', 'N+']
    """
    found = molecule(smiles)
    from rdkit.Chem import rdDepictor  # noqa: PLC0415 - an extra; that it is not there was said above

    rdDepictor.Compute2DCoords(found)
    spots = found.GetConformer().GetPositions() / 1.5  # which is how long RDKit draws a bond
    labels = [atom.GetSymbol() + _sign(atom.GetFormalCharge()) for atom in found.GetAtoms()]
    return MoleculeLayout(labels, {row: (float(x), float(y)) for row, (x, y, _) in enumerate(spots)})


def _sign(charge: int) -> str:
    return "" if not charge else ("+" if charge > 0 else "−") + (str(abs(charge)) if abs(charge) > 1 else "")
