"""The README of the packages has no address that works in the repository alone."""

from __future__ import annotations

from scripts import ROOT, load

INDEX = load(ROOT / "tools" / "index_readme.py")
PAGE = "![A curve](docs/a.png) [page](docs/b.md#c), [folder](docs) and [web](https://example.org)"


def test_addresses_start_from_the_repository_at_the_tag() -> None:
    home = "https://example.org/graphseq/"
    assert INDEX.rewritten(PAGE, home, "v1.0", ROOT) == (
        "![A curve](https://example.org/graphseq/raw/v1.0/docs/a.png) "
        "[page](https://example.org/graphseq/blob/v1.0/docs/b.md#c), "
        "[folder](https://example.org/graphseq/tree/v1.0/docs) and [web](https://example.org)"
    )


def test_without_a_repository_nothing_leads_nowhere() -> None:
    assert INDEX.rewritten(PAGE, None, "v1.0", ROOT) == "*A curve.* page, folder and [web](https://example.org)"


def test_the_readme_has_no_relative_address_left() -> None:
    text = (ROOT / "README.md").read_text()
    assert INDEX.LINK.search(text)
    assert not INDEX.LINK.search(INDEX.rewritten(text, None, "v1.0", ROOT))
