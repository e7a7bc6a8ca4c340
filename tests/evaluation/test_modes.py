"""One model in several threads: evaluated by many at once, trained by one, and never both."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from trained import but_seconds, dropping, mlp, same, weights

import graphseq as gs
from graphseq import History, evaluate, fit, predict
from graphseq.evaluation.modes import evaluating, training
from graphseq.nn import Model
from graphseq.tasks import Transfer

TASK = Transfer(3)


def modes(model: Model) -> list[bool]:
    return [module.training for module in model.modules()]


def test_threads_that_evaluate_one_model_have_the_scores_of_one_thread_and_leave_its_modes() -> None:
    model = dropping()
    model.encoder.eval()
    before, expected = modes(model), evaluate(model, TASK, samples=200)
    outputs = predict(model, TASK, samples=200).output

    def work(number: int) -> bool:
        if number % 2:
            return torch.equal(predict(model, TASK, samples=200).output, outputs)
        return evaluate(model, TASK, samples=200) == expected

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(24)))
    assert modes(model) == before
    assert len(set(before)) == 2


def test_the_last_block_puts_the_modes_back_whichever_began_first() -> None:
    model, entered, left = mlp().train(), threading.Event(), threading.Event()

    def other() -> None:
        with evaluating(model):
            entered.set()
            assert left.wait(20)
            assert not model.training

    thread = threading.Thread(target=other)
    with evaluating(model):
        thread.start()
        assert entered.wait(20)
    assert not model.training
    left.set()
    thread.join()
    assert model.training


def test_models_that_share_an_encoder_may_be_evaluated_at_once() -> None:
    encoder = gs.nn.MLP(10, 4)
    one, other = Model(encoder, 10), Model(encoder, 3)
    with evaluating(one), evaluating(other):
        assert not any(modes(one) + modes(other))
    assert all(modes(one) + modes(other))


@pytest.mark.parametrize("use", [evaluate, predict])
def test_a_model_that_another_thread_trains_is_not_evaluated(use: Callable[..., object]) -> None:
    model, begun, refused = dropping(), threading.Event(), threading.Event()

    def wait(step: int, history: History, model: object) -> None:
        begun.set()
        assert refused.wait(20)

    with ThreadPoolExecutor(1) as pool:
        trained = pool.submit(fit, model, TASK, steps=3, batch_size=4, callbacks=[wait])
        assert begun.wait(20)
        try:
            with pytest.raises(RuntimeError, match=r"model is being trained by another thread.*evaluate a copy of it"):
                use(model, TASK)
            with pytest.raises(RuntimeError, match="trained or evaluated by another thread; train a copy of it"):
                fit(model, TASK, steps=1, batch_size=4)
        finally:
            refused.set()
        history = trained.result()
    alone = dropping()
    assert history.loss == fit(alone, TASK, steps=3, batch_size=4).loss
    assert same(weights(model), weights(alone))
    use(model, TASK)


def test_a_model_that_another_thread_evaluates_is_not_trained() -> None:
    model = mlp()
    with evaluating(model), ThreadPoolExecutor(1) as pool:
        with pytest.raises(RuntimeError, match="being trained or evaluated by another thread"):
            pool.submit(fit, model, TASK, steps=1).result()
        assert not model.training
    fit(model, TASK, steps=1)


def test_a_callback_may_evaluate_the_model_that_is_trained() -> None:
    scores = []
    history = fit(
        dropping(), TASK, steps=3, batch_size=4, callbacks=[lambda _, __, model: scores.append(evaluate(model, TASK))]
    )
    assert len(scores) == 3
    assert history.loss == fit(dropping(), TASK, steps=3, batch_size=4).loss


def test_a_block_that_fails_lets_go_of_the_model() -> None:
    model = mlp()
    for block in (training, evaluating):
        with pytest.raises(KeyError), block(model):
            raise KeyError
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(fit, model, TASK, steps=1).result().steps == 1


def test_trainings_with_dropout_in_threads_are_those_of_one_thread_and_leave_torchs_generator() -> None:
    before = torch.get_rng_state()
    models = [dropping(seed) for seed in range(3)]
    expected = [dropping(seed) for seed in range(3)]
    torch.set_rng_state(before)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda model: fit(model, TASK, steps=25, batch_size=8), models))
    assert torch.equal(torch.get_rng_state(), before)
    for model, twin, history in zip(models, expected, found, strict=True):
        assert but_seconds(fit(twin, TASK, steps=25, batch_size=8)) == but_seconds(history)
        assert same(weights(model), weights(twin))
