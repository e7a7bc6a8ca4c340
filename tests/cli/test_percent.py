"""How shares are said in per cent."""

import pytest

from graphseq.cli.reach_text import percent


@pytest.mark.parametrize(
    ("part", "said"), [(0.0, "0"), (1.0, "100"), (0.5, "50"), (0.0123, "1.2"), (1e-5, "0.001"), (2e-9, "2e-07")]
)
def test_only_nothing_is_zero_per_cent(part: float, said: str) -> None:
    assert percent(part) == said
