"""Molecules from SMILES: literal graphs, what PyG's reader says, and lines that do not parse."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch_geometric.utils import from_smiles as pyg_from_smiles

import graphseq as gs
from graphseq.datasets import descriptors
from graphseq.io import atom_channels, from_smiles, read_smiles

TABLE = "name,smiles,value\nethanol,CCO,-0.77\nbroken,C1CC,1.0\nwater,O ,0.5\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "mine.csv"
    path.write_text(TABLE)
    return path


def test_ethanol_is_a_path_of_three() -> None:
    graph = from_smiles("CCO", elements=("C", "O"))
    assert graph.edge_index.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert graph.time.tolist() == [0, 0, 0]
    assert "edge_weight" not in graph
    columns = ("C", "O", "other", "charge", "hydrogens", "aromatic", "in ring", "sp", "sp2", "sp3", "other hybrid")
    assert atom_channels(("C", "O")) == columns
    assert graph.x.tolist() == [
        [1, 0, 0, 0, 3, 0, 0, 0, 0, 1, 0],
        [1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0],
        [0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0],
    ]


def test_benzene_is_a_ring_of_six_aromatic_carbons() -> None:
    graph = from_smiles("c1ccccc1", elements=("C",), bond_orders=True)
    ring = {(i, (i + 1) % 6) for i in range(6)}
    assert {tuple(pair) for pair in graph.edge_index.t().tolist()} == ring | {(j, i) for i, j in ring}
    assert graph.edge_weight.tolist() == [1.5] * 12
    # C, other; charge, hydrogens, aromatic, in ring; sp, sp2, sp3, other
    assert graph.x.tolist() == [[1, 0, 0, 1, 1, 1, 0, 1, 0, 0]] * 6


def test_orders_of_bonds_and_charges() -> None:
    cyanide = from_smiles("[C-]#N", bond_orders=True)
    assert cyanide.edge_weight.tolist() == [3.0, 3.0]
    charge = atom_channels().index("charge")
    assert cyanide.x[:, charge].tolist() == [-1, 0]
    assert from_smiles("C=O", bond_orders=True).edge_weight.tolist() == [2.0, 2.0]


def test_unknown_elements_share_a_column() -> None:
    graph = from_smiles("C[Si](Cl)(Br)I", elements=("C", "Cl"))
    assert graph.x[:, :3].tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 1], [0, 0, 1]]


def test_an_atom_alone_is_a_graph_without_edges() -> None:
    graph = from_smiles("O", y=torch.tensor([[0.5]]), bond_orders=True)
    assert graph.edge_index.shape == (2, 0)
    assert (
        gs.tasks.GraphRegression([graph, from_smiles("CO", y=torch.tensor([[1.0]]))]).graphs(torch.arange(2)).num_rows
        == 3
    )


@pytest.mark.parametrize("smiles", ["CCO", "c1ccccc1C(=O)O", "C[N+](C)(C)C", "O=S(=O)(N)c1ccc(F)cc1"])
def test_atoms_and_bonds_are_those_of_pygs_reader(smiles: str) -> None:
    ours, theirs = from_smiles(smiles), pyg_from_smiles(smiles)
    assert torch.equal(ours.edge_index, theirs.edge_index)
    columns = {name: number for number, name in enumerate(atom_channels())}
    assert torch.equal(ours.x[:, columns["hydrogens"]].long(), theirs.x[:, 4])
    assert torch.equal(ours.x[:, columns["aromatic"]].long(), theirs.x[:, 7])
    assert torch.equal(ours.x[:, columns["in ring"]].long(), theirs.x[:, 8])
    assert torch.equal(ours.x[:, columns["charge"]].long(), theirs.x[:, 3] - 5)
    assert ours.x[:, : columns["charge"]].sum(dim=1).tolist() == [1.0] * len(theirs.x)


@pytest.mark.parametrize(
    ("smiles", "why"),
    [
        ("C1CC", "'C1CC' does not parse: it breaks the grammar"),
        ("CX", "'CX' does not parse"),
        ("C(C)(C)(C)(C)C", "Explicit valence for atom # 0 C, 5, is greater than permitted"),
        ("", "has no atoms"),
    ],
)
def test_what_does_not_parse_is_named(smiles: str, why: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match=why):
        from_smiles(smiles)
    assert capfd.readouterr() == ("", "")  # RDKit would print its reasons


def test_other_refusals() -> None:
    with pytest.raises(TypeError, match="smiles must be a string, got int"):
        from_smiles(7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="elements must be symbols of elements, such as 'C' or 'Cl'; got 'Xx'"):
        from_smiles("C", elements=("C", "Xx"))
    with pytest.raises(ValueError, match="elements must be at least one, each once"):
        from_smiles("C", elements=("C", "C"))


def test_without_rdkit_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rdkit", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'graphseq\[molecules\]'"):
        from_smiles("CCO")


def test_a_line_that_does_not_parse_is_named(table: Path) -> None:
    with pytest.raises(ValueError, match=r"mine.csv, line 3: SMILES 'C1CC' does not parse: .*use on_error=\"skip\""):
        read_smiles(table, target="value")


def test_the_rest_is_there_on_request_and_what_is_not_is_listed(table: Path) -> None:
    data = read_smiles(table, target="value", on_error="skip")
    assert data.names == data.smiles == ("CCO", "O")
    assert [graph.y.tolist() for graph in data.graphs] == [[[pytest.approx(-0.77)]], [[0.5]]]
    assert [(skip.line, skip.name) for skip in data.skipped] == [(3, "C1CC")]
    assert "does not parse" in data.skipped[0].reason
    assert repr(data) == "GraphDataset(mine: 2 graphs, V=4, F=18, 1 skipped)"
    assert data.answers == ("value",)


@pytest.mark.parametrize("cell", ["much", "", "nan", "inf"])
def test_a_number_that_is_none_is_named_or_skipped(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"smiles,value\nC,1\nCC,{cell}\n")
    with pytest.raises(ValueError, match=f"line 3: value is '{cell}'"):
        read_smiles(path, target="value")
    assert [skip.name for skip in read_smiles(path, target="value", on_error="skip").skipped] == ["CC"]
    assert len(read_smiles(path).graphs) == 2
    assert "y" not in read_smiles(path).graphs[0]


def test_a_table_that_has_nothing_to_read(tmp_path: Path, table: Path) -> None:
    with pytest.raises(
        ValueError, match=r"has no column 'formula'; it has name, smiles, value. Name the column by smi"
    ):
        read_smiles(table, smiles="formula")
    with pytest.raises(
        ValueError, match=r"line 3: SMILES 'C1CC' does not parse"
    ):  # the column is found, its line is not
        read_smiles(table, smiles="SMILES")
    with pytest.raises(ValueError, match="on_error must be one of refuse, skip; got 'ignore'"):
        read_smiles(table, on_error="ignore")  # type: ignore[arg-type]
    table.write_text("smiles\nC1\n")
    with pytest.raises(ValueError, match="has no molecule that can be read; 1 lines were skipped"):
        read_smiles(table, on_error="skip")
    with pytest.raises(FileNotFoundError):
        read_smiles(tmp_path / "nowhere.csv")


def test_descriptors_of_known_molecules() -> None:
    found = descriptors(["CCO", "c1ccccc1"], ("HeavyAtomCount", "NumHDonors", "NumAromaticRings", "FractionCSP3"))
    assert found.tolist() == [[3, 1, 0, 1], [6, 0, 1, 0]]
    with pytest.raises(ValueError, match="names must be descriptors of RDKit, such as 'MolWt'; it has no Beauty"):
        descriptors(["C"], ("Beauty",))
    assert bool(descriptors(["CCO", "C[Si]"]).isfinite().all())
