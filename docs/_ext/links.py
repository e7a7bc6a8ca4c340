"""Links of the pages to places that are no pages: names in the built documentation, links in the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<target>(?!https?:|#)[^)\s]+)\)")
_PAGES = {"CONTRIBUTING.md": "/contributing.md", "CHANGELOG.md": "/changelog.md"}


def rewritten(text: str, folder: Path, root: Path) -> str:
    """Return a page with each link to a folder, or to a file outside of ``docs``, replaced.

    Args:
        text: the page.
        folder: the folder that its links start from.
        root: the repository.
    """

    def replaced(link: re.Match[str]) -> str:
        path = (folder / link["target"].partition("#")[0]).resolve()
        if path.name in _PAGES and path.parent == root:
            return f"[{link['text']}]({_PAGES[path.name]})"
        if path.is_dir() or (path.exists() and not path.is_relative_to(root / "docs")):
            place = str(path.relative_to(root))
            named = place == "docs" or link["text"].strip("`") == place
            return link["text"] if named else f"{link['text']} (`{place}`)"
        return link[0]

    return _LINK.sub(replaced, text)


def _read(app: Any, name: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(name))
    if page.suffix == ".md":
        source[0] = rewritten(source[0], page.parent, Path(app.srcdir).parent.resolve())
    if name == "results/README":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"


def setup(app: Any) -> dict[str, bool]:
    """Register the replacement for every page that is read."""
    app.connect("source-read", _read)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
