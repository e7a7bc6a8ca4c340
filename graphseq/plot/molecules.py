"""The layout of a molecule in the plane, as chemists draw it."""

from __future__ import annotations

from typing import NamedTuple

from graphseq._arguments import checked_arguments
from graphseq.io.smiles import molecule


class MoleculeLayout(NamedTuple):
    """Labels and positions of N atoms, as :func:`draw_values` and :func:`draw_hops` take them."""

    labels: list[str]  #: the element of each atom, with its charge
    pos: dict[int, tuple[float, float]]  #: the position of each atom, in units of a bond length


@checked_arguments
def molecule_layout(smiles: str) -> MoleculeLayout:
    """Lay a molecule out in the plane by RDKit; atoms are numbered as the rows of ``from_smiles``.

    Args:
        smiles: the SMILES of one molecule.

    Raises:
        ImportError, TypeError, ValueError: as :func:`graphseq.io.from_smiles`.

    Example:
        >>> molecule_layout("C[NH3+]").labels
        ['C', 'N+']
    """
    structure = molecule(smiles)
    from rdkit.Chem import rdDepictor  # noqa: PLC0415 - an extra; io.smiles has said so if it is missing

    rdDepictor.Compute2DCoords(structure)
    coordinates = structure.GetConformer().GetPositions() / 1.5  # the length of a bond in RDKit's drawings
    labels = [atom.GetSymbol() + _sign(atom.GetFormalCharge()) for atom in structure.GetAtoms()]
    return MoleculeLayout(labels, {row: (float(x), float(y)) for row, (x, y, _) in enumerate(coordinates)})


def _sign(charge: int) -> str:
    return "" if not charge else ("+" if charge > 0 else "−") + (str(abs(charge)) if abs(charge) > 1 else "")
