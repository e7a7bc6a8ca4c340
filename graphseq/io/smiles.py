"""Molecules from SMILES, the line notation of chemistry: atoms are nodes, bonds are edges in both directions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import from_rdmol, one_hot
from torch_geometric.utils.smiles import e_map, x_map

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq._printable import printable_errors
from graphseq.data.graph import SpaceTimeGraph
from graphseq.io._csv import read_table
from graphseq.io.containers import ON_ERROR, GraphDataset, OnError, Skipped, rounding

ELEMENTS = ("C", "N", "O", "S", "P", "F", "Cl", "Br", "I")
"""Elements with a column of their own by default; all others share the column "other"."""

_HYBRIDS = ("SP", "SP2", "SP3")
_ORDERS = {"SINGLE": 1.0, "DOUBLE": 2.0, "TRIPLE": 3.0, "QUADRUPLE": 4.0, "AROMATIC": 1.5}
_FIELDS = {name: column for column, name in enumerate(x_map)}  # the columns of PyG's reader, in its order


@printable_errors
@checked_arguments
def from_smiles(
    smiles: str, *, y: Tensor | None = None, elements: Sequence[str] = ELEMENTS, bond_orders: bool = False
) -> SpaceTimeGraph:
    """Read one molecule: N heavy atoms at one time, and an edge in both directions for each bond.

    PyG reads it with RDKit; its codes become features in the order of :func:`atom_channels`:

    - the element, one-hot over ``elements`` and "other";
    - formal charge, and number of hydrogens, which are not nodes;
    - 1 for an aromatic atom, 1 for an atom in a ring;
    - hybridisation, one-hot over sp, sp2, sp3 and "other".

    Bonds have no features: their order follows from the hybridisation and aromaticity of their atoms. Since ``GCNConv``
    reads edge weights as strengths and ``GINConv`` ignores them, there are none by default.

    Args:
        smiles: the molecule.
        y: its answer, (1,) or (1, C).
        elements: symbols that have a column, in this order.
        bond_orders: use the order of a bond as edge weight: 1, 2, 3 or 4, aromatic 1.5, and 1 for any other kind.

    Raises:
        ImportError: RDKit is not installed; it comes with the extra ``graphseq[molecules]``.
        TypeError: ``smiles`` is not a string.
        ValueError: SMILES that do not parse, with the reason; no atoms; an atom without a code in PyG; an unknown
            element.

    Source: Weininger, *SMILES, a chemical language and information system* (1988); PyG's ``utils.from_rdmol``.

    Example:
        Ethanol is C-C-O:

        >>> ethanol = from_smiles("CCO")
        >>> ethanol.x[:, :3].tolist(), ethanol.edge_index.tolist()
        ([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], [[0, 1, 1, 2], [1, 0, 2, 1]])
    """
    symbols = _numbers_of(elements)
    return _graph(_read(smiles), y, symbols, bond_orders)


@checked_arguments
def atom_channels(elements: Sequence[str] = ELEMENTS) -> tuple[str, ...]:
    """Return the names of the features of :func:`from_smiles`, one for each column.

    Args:
        elements: as in :func:`from_smiles`.

    Example:
        >>> atom_channels(("C", "O"))
        ('C', 'O', 'other', 'charge', 'hydrogens', 'aromatic', 'in ring', 'sp', 'sp2', 'sp3', 'other hybrid')
    """
    hybrids = tuple(name.lower() for name in _HYBRIDS)
    return (*elements, "other", "charge", "hydrogens", "aromatic", "in ring", *hybrids, "other hybrid")


@printable_errors
@checked_arguments
def read_smiles(
    path: str | Path,
    *,
    smiles: str = "smiles",
    target: str | None = None,
    on_error: OnError = "refuse",
    elements: Sequence[str] = ELEMENTS,
    bond_orders: bool = False,
    delimiter: str | None = None,
) -> GraphDataset:
    """Read a table of molecules, one on each line, with a measured value of each.

    Args:
        path: a CSV file with names in the first line, plain or compressed as .gz.
        smiles: column of SMILES.
        target: column of numbers, which become y (1, 1); without it, molecules have no y.
        on_error: "refuse" a file with a line whose SMILES does not parse or whose number is invalid, or "skip" such
            lines and list them in ``skipped``.
        elements: as in :func:`from_smiles`.
        bond_orders: as in :func:`from_smiles`.
        delimiter: separator of columns; by default a comma, semicolon or tab, whichever separates names in the first
            line.

    Returns:
        The molecules in the order of the file, named by their SMILES.

    Raises:
        ImportError: as :func:`from_smiles`.
        OSError: the file cannot be read.
        ValueError: a column that does not exist, a line that is longer or shorter than the first, a line that is
            refused, or no valid line. The message names the line.

    Example:
        With its file at hand::

            data = gs.io.read_smiles("solubility.csv", smiles="smiles", target="logS")
    """
    _checks.one_of("on_error", on_error, ON_ERROR)
    symbols = _numbers_of(elements)
    table = read_table(path, delimiter).without_index().with_names([smiles, *([] if target is None else [target])])
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
                advice = 'correct or remove that line, or use on_error="skip" to read the others'
                raise ValueError(f"{table.at(row)}: {error}; {advice}") from None
            skipped.append(Skipped(entry, table.lines[row], str(error)))
    if not graphs:
        raise ValueError(f"{table.name} has no molecule that can be read; {len(skipped)} lines were skipped")
    skipped_lines = {skip.line for skip in skipped}
    names = tuple(entry for row, entry in enumerate(entries) if table.lines[row] not in skipped_lines)
    answers = () if target is None else (target,)
    if target is not None:
        known = [float(cell) for row, cell in enumerate(numbers or ()) if table.lines[row] not in skipped_lines]
        table.notes.extend(rounding(f"{table.name}: {target}", np.array(known)))
    return GraphDataset(
        Path(path).stem,
        tuple(graphs),
        names,
        atom_channels(elements),
        answers,
        names,
        tuple(skipped),
        tuple(table.notes),
    )


def molecule(smiles: str) -> Any:
    """Return RDKit's molecule, whose atoms are numbered as the rows of :func:`from_smiles`.

    Raises:
        ImportError, TypeError, ValueError: as :func:`from_smiles`.
    """
    if not isinstance(smiles, str):
        raise TypeError(f"smiles must be a string, got {type(smiles).__name__}")
    _checks.encodable("smiles", smiles)
    try:
        from rdkit import Chem, rdBase  # noqa: PLC0415 - an optional dependency
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("reading SMILES needs RDKit: pip install 'graphseq[molecules]'") from error
    with rdBase.BlockLogs():  # the reasons are in the error
        parsed = Chem.MolFromSmiles(smiles)
        if parsed is None:
            raise ValueError(f"SMILES {smiles!r} does not parse: {_why(Chem, smiles)}")
    if not parsed.GetNumAtoms():
        raise ValueError(f"SMILES {smiles!r} has no atoms")
    return parsed


def _why(chem: Any, smiles: str) -> str:
    raw = chem.MolFromSmiles(smiles, sanitize=False)
    if raw is None:
        return "it breaks the grammar of SMILES; look for a ring, branch or bracket left open, or an unknown symbol"
    problems = [problem.Message() for problem in chem.DetectChemistryProblems(raw)]
    return "; ".join(problems) or "RDKit cannot read it"


def _read(smiles: str) -> Data:
    """Return PyG's codes of a molecule.

    PyG's own ``from_smiles`` returns an empty graph for SMILES that do not parse.
    """
    parsed = molecule(smiles)
    try:
        return from_rdmol(parsed)
    except ValueError as error:
        raise ValueError(f"SMILES {smiles!r} has an atom or bond without a code in PyG ({error})") from None


def _numbers_of(elements: Sequence[str]) -> Tensor:
    """Return the atomic numbers of symbols."""
    molecule("C")  # raises if RDKit is not installed
    from rdkit import Chem, rdBase  # noqa: PLC0415 - as above

    numbers: list[int] = []
    for symbol in elements:
        _checks.encodable("elements", symbol)
        try:
            with rdBase.BlockLogs():
                numbers.append(Chem.GetPeriodicTable().GetAtomicNumber(symbol))
        except RuntimeError:
            raise ValueError(f"elements must be symbols of elements, such as 'C' or 'Cl'; got {symbol!r}") from None
    if len(set(numbers)) != len(numbers) or not numbers:
        raise ValueError(f"elements must be at least one, each once; got {tuple(elements)}")
    return torch.tensor(numbers)


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
    """Return codes (N,) one-hot over ``known``, with a last column for all others, (N, K + 1)."""
    column, same = torch.full_like(codes, len(known)), codes[:, None] == known
    column[same.any(dim=1)] = same.nonzero()[:, 1]
    return one_hot(column, len(known) + 1)  # type: ignore[no-any-return]


def _answer(target: str | None, cell: str) -> Tensor:
    try:
        number = float(cell)
    except ValueError:
        raise ValueError(f"{target} is {cell!r}, which is not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"{target} is {cell!r}; it must be finite")
    return torch.tensor([[number]])
