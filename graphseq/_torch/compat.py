"""Every private name of torch that the library uses, looked up here and nowhere else.

Each name is looked up once, at import, and stands as a constant that is ``None`` where torch lacks it. The function
that uses it then computes the same by public means: more slowly, but with the same results. All names are in torch
2.6 and in 2.13, except where a comment says otherwise.
"""

from __future__ import annotations

import importlib
import itertools
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def _found(module: str, name: str) -> Any:
    """A name of one of torch's modules, or ``None`` where it is missing."""
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


def _found_all(names: dict[str, Any], *wanted: str) -> list[Any] | None:
    """The values of the wanted names, or ``None`` where one is missing."""
    return [names[name] for name in wanted] if names.keys() >= set(wanted) else None


def _found_in(file: str, attribute: str) -> str | None:
    """An attribute that a file of torch sets, which need not be loaded for this, or ``None`` where it does not."""
    try:
        source = (Path(torch.__file__).parent / file).read_text(encoding="utf-8")
    except OSError:
        return None
    return attribute if f".{attribute} = " in source else None


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

_TRANSFORMS_ACTIVE = _found("torch._C", "_are_functorch_transforms_active")
_DISABLED_TRANSFORMS = _found("torch._C", "_DisableFuncTorch")
_IS_BATCHED = _found("torch._C._functorch", "is_legacy_batchedtensor")
_BEGIN_LEVEL = _found("torch._C", "_vmapmode_increment_nesting")
_END_LEVEL = _found("torch._C", "_vmapmode_decrement_nesting")
_REMOVE_BATCH_DIM = _found("torch", "_remove_batch_dim")
_ADD_BATCH_DIM = _found("torch", "_add_batch_dim")
_CURRENT_LEVEL = "_current_level" if _found("torch.autograd.forward_ad", "_current_level") is not None else None
_VERSION = "_version" if hasattr(Tensor, "_version") else None
_STORAGE_USES = _found("torch._C", "_storage_Use_Count")  # not in 2.6 without CUDA
_STORAGE_ADDRESS = "_cdata" if hasattr(torch.UntypedStorage, "_cdata") else None
_ANY_GLOBAL_HOOK = _found("torch.nn.modules.module", "_has_any_global_hook")  # from 2.8 on
_GLOBAL_HOOKS = _found_all(vars(torch.nn.modules.module), *(f"_global{name}" for name in _HOOKS))  # before 2.8
_MODULE_HOOKS = _HOOKS if _found_all(vars(nn.Module()), *_HOOKS) else None
_TENSOR_HOOKS = "_backward_hooks" if hasattr(Tensor, "_backward_hooks") else None
_MODULE_BUFFERS = "_buffers" if hasattr(nn.Module(), "_buffers") else None
_FUSED_LINEAR = getattr(torch.ops.mkldnn, "_linear_pointwise", None) if torch.backends.mkldnn.is_available() else None
_MAKE_FX = _found("torch.fx.experimental.proxy_tensor", "make_fx")
_ASSERT_ASYNC = _found("torch", "_assert_async")
_CONSTANT_MARK = _found_in("_dynamo/decorators.py", "_dynamo_marked_constant")
_SIGMOID_BACKWARD = getattr(torch.ops.aten, "sigmoid_backward", None)
_TANH_BACKWARD = getattr(torch.ops.aten, "tanh_backward", None)
_THRESHOLD_BACKWARD = getattr(torch.ops.aten, "threshold_backward", None)

# All steps of one layer of an LSTM on a CPU, and their gradient: operations that torch.lstm is made of.
LSTM_LAYER: Any = getattr(torch.ops.aten, "mkldnn_rnn_layer", None)
LSTM_LAYER_BACKWARD: Any = getattr(torch.ops.aten, "mkldnn_rnn_layer_backward", None)

# Torch's own base classes of these are private.
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)
INSTANCE_NORMS = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)


# Transforms of torch.func, and forward-mode derivatives


class _Probe(torch.autograd.Function):
    """A function of the older form, which torch refuses to apply within a transform of ``torch.func``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x


_recording = threading.local()


def is_recording() -> bool:
    """True while :func:`recorded` writes operations down: they must be those that torch differentiates by itself."""
    return getattr(_recording, "is_on", False)


def recorded(function: Callable[..., Tensor], *arguments: Any) -> Callable[..., Tensor]:
    """The operations that ``function`` does on tensors among ``arguments``, as a function of such tensors alone.

    Raises:
        NotImplementedError: torch has no recorder.
    """
    if _MAKE_FX is None:
        raise NotImplementedError(f"torch {torch.__version__} cannot record operations; take another version of torch")
    _recording.is_on = True
    try:
        function(*arguments)  # what is kept for later calls is made before the recorder looks
        return _MAKE_FX(function)(*arguments)  # type: ignore[no-any-return]
    finally:
        _recording.is_on = False


def check_later(holds: Tensor, message: str) -> None:
    """Raise RuntimeError with the message where a compiled function, when it is called, finds a truth value false."""
    if _ASSERT_ASYNC is not None:
        _ASSERT_ASYNC(holds, message)


def constant_when_compiled(function: F) -> F:
    """A function that torch.compile calls and takes the result of as a constant.

    ``torch.compiler.assume_constant_result`` sets a mark, after it has loaded all of torch's compiler; where torch's
    source has that mark, it is set without.
    """
    if _CONSTANT_MARK is None:
        return torch.compiler.assume_constant_result(function)  # type: ignore[no-any-return]
    setattr(function, _CONSTANT_MARK, True)
    return function


def compiles_rnn() -> bool:
    """True where torch.compile has been told to look into torch's own RNN, GRU and LSTM."""
    return bool(_found("torch._dynamo.config", "allow_rnn"))


def transforms_active() -> bool:
    """True within a transform of ``torch.func``, such as ``vmap``, in :func:`recorded` and in ``torch.compile``."""
    if is_recording() or torch.compiler.is_compiling():
        return True
    if _TRANSFORMS_ACTIVE is not None:
        return bool(_TRANSFORMS_ACTIVE())
    try:
        _Probe.apply(torch.empty(0))  # type: ignore[no-untyped-call]
    except RuntimeError:
        return True
    return False


def outside_transforms(make: Callable[[], T]) -> T:
    """``make()``, computed as if no transform of ``torch.func`` were active, so that its tensors outlive them all."""
    if _DISABLED_TRANSFORMS is not None:
        with _DISABLED_TRANSFORMS():
            return make()
    return _in_a_thread(make) if transforms_active() else make()


def _in_a_thread(make: Callable[[], T]) -> T:
    """``make()`` in a thread of its own: transforms belong to the thread in which they were begun."""
    results: list[T] = []
    errors: list[BaseException] = []
    records_gradients = torch.is_grad_enabled()

    def run() -> None:
        try:
            with torch.set_grad_enabled(records_gradients):
                results.append(make())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def may_be_dual() -> bool:
    """False where no tensor can carry a tangent, as forward-mode differentiation was not begun."""
    return _CURRENT_LEVEL is None or getattr(forward_ad, _CURRENT_LEVEL) >= 0


def is_dual(*tensors: Tensor | None) -> bool:
    """True where one of the tensors carries a tangent of forward-mode differentiation."""
    if not may_be_dual():
        return False
    return any(tensor is not None and forward_ad.unpack_dual(tensor).tangent is not None for tensor in tensors)


# Batched gradients: those of torch.autograd.grad(…, is_grads_batched=True)


def is_batched_gradient(gradient: Tensor) -> bool:
    """True where a gradient stands for many, as ``torch.autograd.grad(…, is_grads_batched=True)`` passes them on."""
    if _IS_BATCHED is not None:
        return bool(_IS_BATCHED(gradient))
    try:
        gradient.untyped_storage()
    except (NotImplementedError, RuntimeError):  # it has none of its own, as in a transform of torch.func
        return not transforms_active()
    return False


def can_unbatch(*gradients: Tensor | None) -> bool:
    """True where :func:`unbatched` can read all of the gradients: none is batched, or torch has all the names."""
    if None not in (_BEGIN_LEVEL, _END_LEVEL, _REMOVE_BATCH_DIM, _ADD_BATCH_DIM):
        return True
    return not any(gradient is not None and is_batched_gradient(gradient) for gradient in gradients)


def unbatched(gradients: list[Tensor | None], dim: int = 0) -> tuple[int | None, list[Tensor | None]]:
    """Plain tensors in which the many gradients are dimension ``dim``, and torch's level of them.

    Where none is batched, the dimension has size 1 and the level is ``None``. See :func:`can_unbatch`.
    """
    first = next((part for part in gradients if part is not None and is_batched_gradient(part)), None)
    if first is None:
        return None, [None if part is None else part.unsqueeze(dim) for part in gradients]
    level = int(_BEGIN_LEVEL()) - 1
    _END_LEVEL()
    size = len(_REMOVE_BATCH_DIM(first, level, 0, 0))
    return level, [None if part is None else _REMOVE_BATCH_DIM(part, level, size, dim) for part in gradients]


def batched(gradient: Tensor, level: int) -> Tensor:
    """A plain tensor (P, …) as the batched gradient that it is at this level."""
    return _ADD_BATCH_DIM(gradient, 0, level)  # type: ignore[no-any-return]


# Tensors and their memory

_unique = itertools.count()


def version(x: Tensor) -> int:
    """A number that changes when torch writes to ``x``: torch's count of the writes, else a hash of what it holds."""
    if _VERSION is not None:
        return int(getattr(x, _VERSION))
    try:
        return hash(x.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    except (NotImplementedError, RuntimeError):  # a transform wraps it, and its numbers cannot be read
        return next(_unique)


def storage_uses(x: Tensor) -> int | None:
    """The number of tensors that share the storage of ``x``, or ``None`` where torch does not tell."""
    if _STORAGE_USES is None or _STORAGE_ADDRESS is None:
        return None
    return int(_STORAGE_USES(getattr(x.untyped_storage(), _STORAGE_ADDRESS)))


# Hooks


def has_global_hooks() -> bool:
    """True where a hook is registered for all modules."""
    if _ANY_GLOBAL_HOOK is not None:
        return bool(_ANY_GLOBAL_HOOK())
    if _GLOBAL_HOOKS is not None:
        return any(_GLOBAL_HOOKS)
    registry = torch.nn.modules.module
    return any(
        _is_in_use(register)
        for register in (
            registry.register_module_forward_hook,
            registry.register_module_forward_pre_hook,
            registry.register_module_full_backward_hook,
            registry.register_module_full_backward_pre_hook,
        )
    )


def has_hooks(module: nn.Module) -> bool:
    """True where a hook is registered on the module itself."""
    if _MODULE_HOOKS is not None:
        return any(getattr(module, name) for name in _MODULE_HOOKS)
    return any(
        _is_in_use(register)
        for register in (
            module.register_forward_hook,
            module.register_forward_pre_hook,
            module.register_full_backward_hook,
            module.register_full_backward_pre_hook,
        )
    )


def has_gradient_hooks(x: Tensor) -> bool:
    """True where a hook is registered on the gradient of ``x``."""
    if _TENSOR_HOOKS is not None:
        return bool(getattr(x, _TENSOR_HOOKS))
    return x.requires_grad and _is_in_use(x.register_hook)


def _is_in_use(register: Callable[[Callable[..., None]], Any]) -> bool:
    """True where hooks are registered in the place in which ``register`` puts them: found by one that goes again."""
    try:
        handle = register(lambda *_: None)
    except RuntimeError:  # hooks of the older kind are there, beside which the newer may not stand
        return True
    hooks = handle.hooks_dict_ref()
    handle.remove()
    return bool(hooks)


# Operations


def fused_linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor | None:
    """X Wᵀ + b by oneDNN; ``None`` where torch was built without it. Its own ReLU turns NaN into 0: use torch's."""
    if _FUSED_LINEAR is None:
        return None
    return _FUSED_LINEAR(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]


def sigmoid_backward(gradient: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """The gradient through y = σ(a): g ⊙ (1 - y) ⊙ y, written to ``out``."""
    if _SIGMOID_BACKWARD is not None:
        return _SIGMOID_BACKWARD.grad_input(gradient, y, grad_input=out)  # type: ignore[no-any-return]
    return torch.mul(gradient * (1 - y), y, out=out)


def tanh_backward(gradient: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """The gradient through y = tanh(a): g ⊙ (1 - y²), written to ``out``."""
    if _TANH_BACKWARD is not None:
        return _TANH_BACKWARD.grad_input(gradient, y, grad_input=out)  # type: ignore[no-any-return]
    return torch.mul(gradient, 1 - y * y, out=out)


def relu_backward(gradient: Tensor, y: Tensor, out: Tensor) -> Tensor:
    """The gradient through y = ReLU(a): 0 where y ≤ 0, else g, written to ``out``."""
    if _THRESHOLD_BACKWARD is not None:
        return _THRESHOLD_BACKWARD.grad_input(gradient, y, 0, grad_input=out)  # type: ignore[no-any-return]
    return out.copy_(torch.where(y <= 0, gradient.new_zeros(()), gradient))


# Buffers of a module


def buffers_of(module: nn.Module) -> dict[str, Tensor | None]:
    """Return the buffers of a module alone by name, those that are ``None`` too where torch tells of them."""
    if _MODULE_BUFFERS is None:
        return dict(module.named_buffers(recurse=False, remove_duplicate=False))
    return dict(getattr(module, _MODULE_BUFFERS))


def restore_buffers(module: nn.Module, buffers: dict[str, Tensor | None]) -> None:
    """Give a module the buffers that :func:`buffers_of` returned before, and no others."""
    if _MODULE_BUFFERS is not None:
        current = getattr(module, _MODULE_BUFFERS)
        current.clear()
        current.update(buffers)
        return
    for name, _ in list(module.named_buffers(recurse=False, remove_duplicate=False)):
        if name not in buffers:
            setattr(module, name, None)
    for name, buffer in buffers.items():
        setattr(module, name, buffer)


def operation(name: str) -> Any:
    """Return an operation of this library that was registered with torch."""
    return getattr(torch.ops.graphseq, name).default
