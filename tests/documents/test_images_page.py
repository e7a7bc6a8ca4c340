"""The page on images holds the recorded table and numbers."""

from __future__ import annotations

import json

from scripts import ROOT, page

PAGE = page("images")


def test_the_table_of_digits_is_the_recorded_one() -> None:
    record = json.loads((ROOT / "docs" / "digits" / "digits.json").read_text())
    assert "$ python examples/digits.py --out docs/digits\n\n" + "\n".join(record["table"]) + "\n```" in PAGE


def test_what_is_said_of_the_regions_of_a_picture() -> None:
    record = json.loads((ROOT / "docs" / "regions" / "regions.json").read_text())
    means, within = record["mean influence by hop"], sum(record["regions by hop"][:5])
    said = (
        f"{record['regions']} superpixels of a picture; a GCN of four layers sees {within} of them from the one in the "
        f"middle, and what is four hops away moves it a {means[0] / means[4]:.0f}th as much as its own input does"
    )
    assert said in " ".join(PAGE.split())
