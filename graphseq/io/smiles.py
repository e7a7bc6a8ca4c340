"""Molecules from SMILES, the line notation of chemistry: atoms are nodes, bonds are edges both ways."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import from_rdmol, one_hot
from torch_geometric.utils.smiles import e_map, x_map

from graphseq import _checks
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._csv import read_table
from graphseq.io.containers import ON_ERROR, GraphDataset, OnError, Skipped

ELEMENTS = ("C", "N", "O", "S", "P", "F", "Cl", "Br", "I")
"""The elements that have a column of their own unless others are asked for; all others share the column "other"."""

_HYBRIDS = ("SP", "SP2", "SP3")
_ORDERS = {"SINGLE": 1.0, "DOUBLE": 2.0, "TRIPLE": 3.0, "QUADRUPLE": 4.0, "AROMATIC": 1.5}
_FIELDS = {name: column for column, name in enumerate(x_map)}  # the columns of PyG's reader, in its order


def from_smiles(
    smiles: str, *, y: Tensor | None = None, elements: Sequence[str] = ELEMENTS, bond_orders: bool = False
) -> SpaceTimeGraph:
    """Read one molecule: N heavy atoms at one time, an edge both ways for each bond.

    PyG reads it, by RDKit; what its codes say is written out as features in the order of :func:`atom_channels`:

    - the element, one-hot over ``elements`` and "other", which every atom of another element is;
    - formal charge, and number of hydrogens, which are no nodes of their own;
    - 1 where the atom is aromatic, 1 where it lies in a ring;
    - hybridisation, one-hot over sp, sp2, sp3 and "other".

    Bonds have no features: the kind of a bond shows in the hybridisation and aromaticity of its atoms. Edge weights
    would be read by ``GCNConv`` as how near atoms are, and not at all by ``GINConv``, so there are none unless asked
    for.

    Args:
        smiles: the molecule.
        y: its answer, (1,) or (1, C).
        elements: symbols that have a column, in this order.
        bond_orders: give edges the order of the bond as weight: 1, 2, 3 or 4, aromatic 1.5, and 1 for any other kind.

    Raises:
        ImportError: RDKit is not installed; it comes with the extra ``graphseq[molecules]``.
        TypeError: ``smiles`` is no string.
        ValueError: it does not parse, and why; no atoms; an atom that PyG has no code for; an unknown element.

    Source: Weininger, *SMILES, a chemical language and information system* (1988); PyG's ``utils.from_rdmol``.

    Example:
        Ethanol is C-C-O:

        >>> ethanol = from_smiles("CCO")
        >>> ethanol.x[:, :3].tolist(), ethanol.edge_index.tolist()
        ([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [[0, 1, 1, 2], [1, 0, 2, 1]])
    """
    symbols = _numbers_of(elements)
    return _graph(_read(smiles), y, symbols, bond_orders)


def atom_channels(elements: Sequence[str] = ELEMENTS) -> tuple[str, ...]:
    """What the features of :func:`from_smiles` are, one name a column.

    Example:
        >>> atom_channels(("C", "O"))
        ('C', 'O', 'other', 'charge', 'hydrogens', 'aromatic', 'in ring', 'sp', 'sp2', 'sp3', 'other hybrid')
    """
    hybrids = tuple(name.lower() for name in _HYBRIDS)
    return (*elements, "other", "charge", "hydrogens", "aromatic", "in ring", *hybrids, "other hybrid")


def read_smiles(
    path: str | Path,
    *,
    smiles: str = "smiles",
    target: str | None = None,
    on_error: OnError = "refuse",
    elements: Sequence[str] = ELEMENTS,
    bond_orders: bool = False,
    delimiter: str = ",",
) -> GraphDataset:
    """Read a table of molecules, one a line, and what was measured of each.

    Args:
        path: a CSV file with a first line of names, packed as .gz or not.
        smiles: the column of SMILES.
        target: the column of numbers, which become y (1, 1); without it, molecules have no y.
        on_error: what to do with a line whose SMILES does not parse or whose number is none: "refuse" the file, naming
            the line, or "skip" it, and list it in ``skipped``.
        elements: as in :func:`from_smiles`.
        bond_orders: as in :func:`from_smiles`.
        delimiter: between columns.

    Returns:
        The molecules in the order of the file, called by their SMILES.

    Raises:
        ImportError: as :func:`from_smiles`.
        OSError: the file cannot be read.
        ValueError: a column that there is not, a line that is longer or shorter than the first, a line that is
            refused, or no line that is left. The message names the line.
    """
    _checks.one_of("on_error", on_error, ON_ERROR)
    symbols = _numbers_of(elements)
    table = read_table(path, delimiter)
    entries = [entry.strip() for entry in table.column("smiles", smiles)]
    numbers = None if target is None else table.column("target", target)
    graphs: list[SpaceTimeGraph] = []
    skipped: list[Skipped] = []
    for row, entry in enumerate(entries):
        try:
            y = None if numbers is None else _answer(target, numbers[row])
            graphs.append(_graph(_read(entry), y, symbols, bond_orders))
        except ValueError as error:
            if on_error == "refuse":
                advice = 'mend or drop that line, or take on_error="skip" to read the others'
                raise ValueError(f"{table.at(row)}: {error}; {advice}") from None
            skipped.append(Skipped(entry, table.lines[row], str(error)))
    if not graphs:
        raise ValueError(f"{table.path} has no molecule that can be read; {len(skipped)} lines were skipped")
    left = {skip.line for skip in skipped}
    names = tuple(entry for row, entry in enumerate(entries) if table.lines[row] not in left)
    answers = () if target is None else (target,)
    return GraphDataset(table.path.stem, tuple(graphs), names, atom_channels(elements), answers, names, tuple(skipped))


def molecule(smiles: str) -> Any:
    """The molecule as RDKit has it, whose atoms are numbered as the rows of :func:`from_smiles`.

    Raises:
        ImportError, TypeError, ValueError: as :func:`from_smiles`.
    """
    if not isinstance(smiles, str):
        raise TypeError(f"smiles must be a string, got {type(smiles).__name__}")
    try:
        from rdkit import Chem, rdBase  # noqa: PLC0415 - an extra, asked for only where there are SMILES
    except ImportError:
        raise ImportError(
            "SMILES are read by RDKit, which is not installed; it comes with the extra: pip install "
            '"graphseq[molecules]"'
        ) from None
    with rdBase.BlockLogs():  # its reasons are in the error
        found = Chem.MolFromSmiles(smiles)
        if found is None:
            raise ValueError(f"SMILES {smiles!r} does not parse: {_why(Chem, smiles)}")
    if not found.GetNumAtoms():
        raise ValueError(f"SMILES {smiles!r} has no atoms")
    return found


def _why(chem: Any, smiles: str) -> str:
    raw = chem.MolFromSmiles(smiles, sanitize=False)
    if raw is None:
        return "it breaks the grammar of SMILES; look for a ring, branch or bracket left open, or an unknown symbol"
    problems = [problem.Message() for problem in chem.DetectChemistryProblems(raw)]
    return "; ".join(problems) or "RDKit cannot make sense of it"


def _read(smiles: str) -> Data:
    """PyG's codes of a molecule. Its own ``from_smiles`` gives an empty graph for what does not parse."""
    found = molecule(smiles)
    try:
        return from_rdmol(found)
    except ValueError as error:
        raise ValueError(f"SMILES {smiles!r} has an atom or bond that PyG has no code for ({error})") from None


def _numbers_of(elements: Sequence[str]) -> Tensor:
    """The atomic numbers of symbols."""
    molecule("C")  # says it if RDKit is not there
    from rdkit import Chem, rdBase  # noqa: PLC0415 - as above

    found: list[int] = []
    for symbol in elements:
        try:
            with rdBase.BlockLogs():
                found.append(Chem.GetPeriodicTable().GetAtomicNumber(symbol))
        except RuntimeError:
            raise ValueError(f"elements must be symbols of elements, such as 'C' or 'Cl'; got {symbol!r}") from None
    if len(set(found)) != len(found) or not found:
        raise ValueError(f"elements must be at least one, each once; got {tuple(elements)}")
    return torch.tensor(found)


def _graph(plain: Data, y: Tensor | None, elements: Tensor, bond_orders: bool) -> SpaceTimeGraph:
    coded = {name: plain.x[:, column] for name, column in _FIELDS.items()}
    hybrids = torch.tensor([x_map["hybridization"].index(name) for name in _HYBRIDS])
    charge = torch.tensor(x_map["formal_charge"])[coded["formal_charge"]]
    single = torch.stack([charge, coded["num_hs"], coded["is_aromatic"], coded["is_in_ring"]], dim=1)
    x = torch.cat([_among(coded["atomic_num"], elements), single, _among(coded["hybridization"], hybrids)], dim=1)
    rows = torch.arange(len(x))
    weight = None
    if bond_orders:
        orders = torch.tensor([_ORDERS.get(kind, 1.0) for kind in e_map["bond_type"]])
        weight = orders[plain.edge_attr[:, 0]]
    return SpaceTimeGraph(x.float(), rows, torch.zeros_like(rows), plain.edge_index, weight, y=y)


def _among(codes: Tensor, known: Tensor) -> Tensor:
    """Codes (N,) one-hot over those known, and a last column for all others, (N, K + 1)."""
    place, same = torch.full_like(codes, len(known)), codes[:, None] == known
    place[same.any(dim=1)] = same.nonzero()[:, 1]
    return one_hot(place, len(known) + 1)  # type: ignore[no-any-return]


def _answer(target: str | None, cell: str) -> Tensor:
    try:
        number = float(cell)
    except ValueError:
        raise ValueError(f"{target} is {cell!r}, which is no number") from None
    if not math.isfinite(number):
        raise ValueError(f"{target} is {cell!r}; it must be finite")
    return torch.tensor([[number]])
