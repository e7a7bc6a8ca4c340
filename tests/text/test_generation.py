"""Texts that are generated, against full passes over everything before, and beam search against all texts there are."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import nn

import graphseq as gs
from graphseq.nn import GCN, GCNLSTM, GRU, LSTM, RNN, Encoder, Model
from graphseq.text import beam_search, generate, greedy
from graphseq.text.decoding import reader
from graphseq.text.generation import search
from graphseq.text.sampling import draw

ALPHABET = "abcde"
V = len(ALPHABET)
FAMILIES: dict[str, Callable[[], Encoder]] = {
    "RNN": lambda: RNN(V, 7, 2),
    "GRU": lambda: GRU(V, 7, 2),
    "LSTM": lambda: LSTM(V, 7, 2),
    "GCN-LSTM": lambda: GCNLSTM(V, 7, 2),
    "GCN-LSTM of residual layers": lambda: GCNLSTM(V, 7, 2, residual=True),
    "GCN": lambda: GCN(V, 7, 3, causal=True),
}
each_family = pytest.mark.parametrize("family", FAMILIES)


def build(family: str, scale: float = 1.0) -> Model:
    torch.manual_seed(3)
    model = Model(FAMILIES[family](), V).double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=scale)
    return model


def logits_after(model: Model, text: str) -> torch.Tensor:
    """What follows a text, by one full pass over all of it."""
    with torch.no_grad():
        return model(gs.from_sequence(torch.tensor([ALPHABET.index(character) for character in text])))[-1]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@each_family
@pytest.mark.parametrize("prompt", ["a", "abcde", "eeeeeeeeeeeeeeeeeeeeedcba"])
def test_greedy_is_the_likeliest_of_a_full_pass_each_time(family: str, prompt: str) -> None:
    model, text = build(family), prompt
    for _ in range(20):
        text += ALPHABET[int(logits_after(model, text).argmax())]
    assert "".join(greedy(model, ALPHABET, prompt, 20)) == text[len(prompt) :]


@each_family
def test_what_is_drawn_is_drawn_from_a_full_pass_each_time(family: str) -> None:
    model, text, generator = build(family, 0.5), "cab", seeded(5)
    for _ in range(20):
        text += ALPHABET[draw(logits_after(model, text), generator, temperature=1.5, top_k=4, top_p=0.9)]
    found = generate(model, ALPHABET, "cab", 20, generator=seeded(5), temperature=1.5, top_k=4, top_p=0.9)
    assert "cab" + "".join(found) == text
    assert len(set(text[3:])) > 1  # it does draw


def test_a_grown_sequence_is_generated_from_its_last_rows() -> None:
    torch.manual_seed(0)
    model, text = Model(GCNLSTM(V, 6), V, transform=gs.transforms.grow).double(), "abcd"
    for _ in range(8):
        text += ALPHABET[int(logits_after(model, text[-5:]).argmax())]
    assert "".join(greedy(model, ALPHABET, "abcd", 8, window=5)) == text[4:]


def test_a_seed_gives_one_text_and_another_another() -> None:
    model = build("LSTM", 0.3)
    first, again, other = ("".join(generate(model, ALPHABET, "a", 40, generator=seeded(seed))) for seed in (1, 1, 2))
    assert first == again != other


def test_no_global_random_number_is_drawn() -> None:
    before = torch.get_rng_state()
    list(generate(build("GRU", 0.3), ALPHABET, "a", 10, generator=seeded()))
    torch.manual_seed(3)  # as build did last
    for parameter in Model(FAMILIES["GRU"](), V).double().parameters():
        nn.init.normal_(parameter, std=0.3)
    after = torch.get_rng_state()
    list(generate(build("GRU", 0.3), ALPHABET, "a", 10, generator=seeded()))
    assert torch.equal(after, torch.get_rng_state())
    torch.set_rng_state(before)


def test_a_character_is_given_before_the_next_is_computed() -> None:
    model, passes = build("LSTM"), []
    model.head.lin.register_forward_hook(lambda *_: passes.append(1))
    found = generate(model, ALPHABET, "abc", 5, generator=seeded())
    counts = [len(passes) for _ in found]
    assert counts == [1, 2, 3, 4, 5]
    assert len(passes) == 5  # nothing is computed that is not drawn from


def test_a_low_temperature_comes_to_greedy() -> None:
    model = build("LSTM")
    cold = generate(model, ALPHABET, "ab", 30, generator=seeded(), temperature=1e-6)
    assert "".join(cold) == "".join(greedy(model, ALPHABET, "ab", 30))


def all_texts(model: Model, prompt: str, length: int) -> dict[str, float]:
    """Each text of a length and its log-probability, character by character from full passes."""
    found = {}
    for letters in product(ALPHABET, repeat=length):
        text, total = prompt, 0.0
        for letter in letters:
            total += float(logits_after(model, text).log_softmax(0)[ALPHABET.index(letter)])
            text += letter
        found["".join(letters)] = total
    return found


@pytest.mark.parametrize("family", ["LSTM", "GCN"])
def test_a_search_as_wide_as_all_texts_finds_the_likeliest_in_order(family: str) -> None:
    model = build(family)
    everything = sorted(all_texts(model, "ab", 3).items(), key=lambda item: -item[1])
    reading = reader(model)
    tokens, log_prob = search(reading, *reading.begin(torch.tensor([0, 1])), 3, width=V**3)
    assert ["".join(ALPHABET[token] for token in row) for row in tokens.tolist()] == [text for text, _ in everything]
    assert log_prob.tolist() == pytest.approx([value for _, value in everything], abs=1e-10)
    assert float(log_prob.exp().sum()) == pytest.approx(1, abs=1e-10)


@pytest.mark.parametrize("length", [1, 2])
def test_all_the_alphabets_width_finds_the_likeliest_of_up_to_two_characters(length: int) -> None:
    model = build("GRU", 0.7)
    everything = all_texts(model, "d", length)
    best = beam_search(model, ALPHABET, "d", length, width=V)[0]
    assert best.text == max(everything, key=everything.__getitem__)
    assert best.log_prob == pytest.approx(everything[best.text], abs=1e-10)


@pytest.mark.parametrize("family", ["RNN", "GCN-LSTM", "GCN"])
@pytest.mark.parametrize("width", [2, 4])
def test_a_search_keeps_the_best_beginnings_as_a_plain_one_does(family: str, width: int) -> None:
    model = build(family, 0.6)
    plain = [("", 0.0)]
    for _ in range(6):
        longer = [
            (text + letter, total + float(logits_after(model, "ace" + text).log_softmax(0)[number]))
            for text, total in plain
            for number, letter in enumerate(ALPHABET)
        ]
        plain = sorted(longer, key=lambda item: -item[1])[:width]
    found = beam_search(model, ALPHABET, "ace", 6, width=width)
    assert [beam.text for beam in found] == [text for text, _ in plain]
    assert [beam.log_prob for beam in found] == pytest.approx([total for _, total in plain], abs=1e-10)


def test_one_beam_is_greedy_and_more_find_a_likelier_text_here() -> None:
    model = build("GRU", 0.5)
    one, wide = (beam_search(model, ALPHABET, "b", 12, width=width)[0] for width in (1, V))
    assert one.text == "".join(greedy(model, ALPHABET, "b", 12))
    assert wide.log_prob > one.log_prob


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"prompt": ""}, ValueError, "prompt is empty; give at least one character to continue"),
        ({"prompt": "abX"}, ValueError, r"prompt holds what the model never saw: 'X' \(nearest: 'a'\)"),
        ({"prompt": 3}, TypeError, "prompt must be a string, got int"),
        ({"temperature": 0}, ValueError, "temperature must be a finite number above 0, got 0; .* greedy"),
        ({"temperature": -1.0}, ValueError, "temperature must be a finite number above 0, got -1.0"),
        ({"top_k": 6}, ValueError, "top_k must be at most 5, the characters of the alphabet; got 6"),
        ({"top_p": 0}, ValueError, "top_p must lie above 0 and at most at 1"),
        ({"length": 0}, ValueError, "length must be at least 1, got 0"),
        ({"alphabet": "abcd"}, ValueError, "alphabet has 4 characters, but the model reads 5 and outputs 5"),
        ({"generator": 0}, TypeError, "generator must be a torch.Generator, got int"),
        ({"window": 4}, ValueError, "window=4 is for a model without a recurrent state; LSTM has one"),
    ],
)
def test_what_will_not_do_is_refused_before_the_first_character(
    change: dict[str, object], kind: type, message: str
) -> None:
    given = {"alphabet": ALPHABET, "prompt": "ab", "length": 3, "generator": seeded(), **change}
    with pytest.raises(kind, match=message):
        generate(build("LSTM"), **given)


@pytest.mark.parametrize(
    ("width", "kind", "message"),
    [
        (
            6,
            ValueError,
            "width must be at most 5, .*: a text has no more beginnings; got 6",
        ),
        (0, ValueError, "width must be at least 1, got 0"),
        (2.0, TypeError, "width must be an integer, got 2.0"),
    ],
)
def test_a_width_out_of_range_is_refused(width: object, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        beam_search(build("LSTM"), ALPHABET, "ab", 3, width=width)


@pytest.mark.parametrize(
    "use",
    [
        lambda model: list(greedy(model, ALPHABET, "ab", 3)),
        lambda model: list(generate(model, ALPHABET, "ab", 3, generator=torch.Generator())),
        lambda model: beam_search(model, ALPHABET, "ab", 3, width=2),
    ],
    ids=["greedy", "generate", "beam_search"],
)
@each_family
def test_a_model_whose_weights_are_nan_writes_nothing(family: str, use: Callable[[Model], object]) -> None:
    model = build(family)
    with torch.no_grad():
        model.head.lin.weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match="model gives NaN for the next character: its training diverged, or its wei"):
        use(model)


@pytest.mark.parametrize("temperature", [1e-31, 1e-46, 1e-300, 5e-324])
def test_the_lowest_temperatures_draw_the_likeliest_character(temperature: float) -> None:
    model = build("LSTM").float()
    drawn = generate(model, ALPHABET, "ab", 12, generator=torch.Generator().manual_seed(0), temperature=temperature)
    assert "".join(drawn) == "".join(greedy(model, ALPHABET, "ab", 12))
