"""Private names of torch: each in one place, and without each of them the same results."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from randomgraphs import draw, sequence, with_x
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import jvp, vmap

import graphseq as gs
from graphseq._torch import compat, cross_entropy
from graphseq._torch.buffers import Workspace
from graphseq.nn.kernels.dense import linear_into

ROOT = Path(gs.__file__).parent
TREES = {file.relative_to(ROOT): ast.parse(file.read_text()) for file in ROOT.rglob("*.py")}
SOURCE = Path(compat.__file__).read_text()
CONSTANTS = re.findall(r"^(_[A-Z_]+) = (?:_found|getattr|\"|_HOOKS if)", SOURCE, flags=re.MULTILINE)

NOT_OF_TORCH = {
    "_asdict",
    "_replace",
    "_fields",
    "_store",
    "_actions",
    "_exit",
}  # named tuples, PyG's Data, argparse, os

each_constant = pytest.mark.parametrize("constant", CONSTANTS)


# Where the names stand


def ours() -> set[str]:
    """Private names that graphseq defines, anywhere."""
    names = set(NOT_OF_TORCH)
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.alias):
                names.add(node.asname or node.name)
    return names


def private_names(tree: ast.AST) -> Iterator[str]:
    """Attributes that are read, names imported from torch or looked up by a string, and torch's operators."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield "torch.ops" if ast.unparse(node) == "torch.ops" else node.attr
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("torch"):
            yield from [*(node.module or "").split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr", "setattr"):
            yield from (str(part.value) for part in node.args if isinstance(part, ast.Constant))


def test_private_names_of_others_stand_in_one_file() -> None:
    known = ours()
    offenders = [
        f"{file}: {name}"
        for file, tree in TREES.items()
        if file != Path("_torch/compat.py")
        for name in private_names(tree)
        if name == "torch.ops" or (re.fullmatch(r"_[A-Za-z]\w*", name) and name not in known)
    ]
    assert not offenders


def test_every_name_that_is_looked_up_is_taken_away_below() -> None:
    assert len(CONSTANTS) == len(re.findall(r"^_[A-Z_]+ = ", SOURCE, flags=re.MULTILINE)) - 1  # but _HOOKS
    assert len(CONSTANTS) >= 14


# Without each of them


def derivatives(encoder: nn.Module, graph: gs.SpaceTimeGraph) -> list[Tensor]:
    """States, and what every kind of derivative gives: once, in batches, twice, forward and by transforms."""

    def states(x: Tensor) -> Tensor:
        return encoder(with_x(graph, x))  # type: ignore[no-any-return]

    x, direction = graph.x.clone().requires_grad_(), torch.ones_like(graph.x)
    weights = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    out = states(x)
    first = torch.autograd.grad(out.sin().sum(), (x, *weights), create_graph=True)
    second = torch.autograd.grad(sum(part.square().sum() for part in first), (x, *weights))
    out = states(x)
    passes = torch.eye(out.numel(), dtype=out.dtype)[:5].view(5, *out.shape)
    batches = torch.autograd.grad(out, (x, *weights), passes, is_grads_batched=True)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(states(forward_ad.make_dual(graph.x, direction))).tangent
    with torch.no_grad():
        by_vmap = vmap(states)(torch.stack([graph.x, 2 * graph.x]))
    by_jvp = jvp(states, (graph.x,), (direction,))[1]
    return [out, *first, *second, *batches, tangent, by_vmap, by_jvp]


def derivatives_of_all() -> list[Tensor]:
    builds: list[Callable[[], nn.Module]] = [
        lambda: gs.nn.GCN(2, 3, 3),
        lambda: gs.nn.RNN(2, 3),
        lambda: gs.nn.GRU(2, 3),
        lambda: gs.nn.LSTM(2, 3),
        lambda: gs.nn.GCNLSTM(2, 3, peepholes=True),
        lambda: gs.nn.MinGRU(2, 3),
    ]
    torch.manual_seed(0)
    encoders = [build().double() for build in builds]
    graphs = lambda: (draw(1, nodes=3, times=5), sequence(0, 8))  # noqa: E731 - anew, so that nothing is prepared
    return [part.detach() for encoder in encoders for graph in graphs() for part in derivatives(encoder, graph)]


@pytest.fixture(scope="module")
def expected() -> list[Tensor]:
    return derivatives_of_all()


@each_constant
def test_states_and_derivatives_are_the_same(
    constant: str, expected: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compat, constant, None)
    for own, other in zip(derivatives_of_all(), expected, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-10, atol=1e-12)


def test_they_are_the_same_without_all_of_them(expected: list[Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    for constant in CONSTANTS:
        monkeypatch.setattr(compat, constant, None)
    for own, other in zip(derivatives_of_all(), expected, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-10, atol=1e-12)


@each_constant
def test_what_is_trained_is_the_same(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def losses() -> list[float]:
        torch.manual_seed(0)
        models = [gs.nn.Model(gs.nn.GCN(10, 8, 2), 10) for _ in range(2)]
        histories = gs.fit_ensemble(models, gs.tasks.Transfer(2), seeds=[0, 1], steps=3, batch_size=4)
        return [loss for history in histories for loss in history.loss]

    before = losses()
    monkeypatch.setattr(compat, constant, None)
    assert losses() == pytest.approx(before, rel=1e-5)


@each_constant
def test_hooks_are_heeded(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, constant, None)
    if constant == "_GLOBAL_HOOKS":
        monkeypatch.setattr(compat, "_ANY_GLOBAL_HOOK", None)
    module, calls = nn.Linear(2, 2), []

    def hook(*_: object) -> None:
        calls.append(1)

    assert not compat.has_hooks(module)
    assert not compat.has_global_hooks()
    assert not compat.has_gradient_hooks(module.weight)
    for place in ("forward", "forward_pre", "full_backward", "full_backward_pre"):
        handle = getattr(module, f"register_{place}_hook")(hook)
        assert compat.has_hooks(module)
        handle.remove()
    assert not compat.has_hooks(module)
    handle = nn.modules.module.register_module_forward_hook(hook)
    assert compat.has_global_hooks()
    handle.remove()
    assert not compat.has_global_hooks()
    handle = module.weight.register_hook(hook)
    assert compat.has_gradient_hooks(module.weight)
    handle.remove()
    assert not calls


@each_constant
def test_what_is_written_to_is_not_taken_for_what_it_was(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, constant, None)
    graph, encoder = draw(1, weighted=True), gs.nn.GCN(2, 3, 2).double()
    before, topology = encoder(graph), graph.topology
    assert graph.topology is topology
    graph.edge_weight[0] = 9
    assert graph.topology is not topology
    assert not torch.equal(encoder(graph), before)


@each_constant
def test_a_buffer_that_is_in_use_is_not_lent_again(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, constant, None)
    monkeypatch.setattr("graphseq._torch.buffers.LARGE", 0)
    workspace, like = Workspace(), torch.empty(0)
    first = workspace.take(like, 8).fill_(1)
    assert workspace.take(like, 8).fill_(2).data_ptr() != first.data_ptr()
    assert first.eq(1).all()


@each_constant
def test_operations_are_the_same(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def results() -> list[Tensor]:
        draws = torch.Generator().manual_seed(0)
        x, weight = torch.randn(600, 64, generator=draws), torch.randn(70, 64, generator=draws)
        bias, y = torch.randn(70, generator=draws), torch.randn(600, 64, generator=draws)
        products = [
            linear_into(torch.empty(600, 70), x, weight, part, relu=relu)
            for part in (bias, None)
            for relu in (False, True)
        ]
        y[0, :3] = torch.tensor([0.0, -0.0, float("nan")])
        functions = compat.sigmoid_backward, compat.tanh_backward, compat.relu_backward
        gradients = [function(x, y, out=torch.empty_like(x)) for function in functions]
        gradients += [function(own, y, out=own) for function in functions for own in [x.clone()]]
        output = x.clone().requires_grad_()
        loss = cross_entropy.mean_cross_entropy(output, torch.arange(600) % 64, Workspace())
        return [*products, *gradients, loss.detach(), *torch.autograd.grad(loss, output)]

    monkeypatch.setattr(cross_entropy, "LARGE", 0)
    before = results()
    monkeypatch.setattr(compat, constant, None)
    for own, other in zip(results(), before, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_what_fails_in_a_thread_is_raised_in_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, "_DISABLED_TRANSFORMS", None)

    def failing() -> None:
        raise KeyError("edges")

    def states(x: Tensor) -> Tensor:
        compat.outside_transforms(failing)
        return x

    with pytest.raises(KeyError, match="edges"):
        vmap(states)(torch.zeros(2))


@each_constant
def test_buffers_are_restored(constant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compat, constant, None)
    module = nn.BatchNorm1d(2)
    before = compat.buffers_of(module)
    assert list(before) == ["running_mean", "running_var", "num_batches_tracked"]
    module.running_mean = torch.ones(2)
    module.register_buffer("later", torch.ones(1))
    compat.restore_buffers(module, before)
    assert module.running_mean is before["running_mean"]
    assert getattr(module, "later", None) is None
