"""Write the README as a package index shows it: each link and picture by an address that works outside the repository.

``python tools/index_readme.py FOLDER`` rewrites ``README.md`` in a copy of the repository. Addresses start from
``Repository`` under ``project.urls`` of its ``pyproject.toml``, at the tag of the version. Without one, links become
their text and a picture its description, so that nothing on the index leads nowhere.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

LINK = re.compile(r"(?P<picture>!?)\[(?P<text>[^\]]*)\]\((?P<target>(?!https?:|mailto:|#)[^)\s]+)\)")


def rewritten(text: str, repository: str | None, tag: str, root: Path) -> str:
    """Return a page with each relative address made absolute, or removed where there is no repository.

    Args:
        text: the page, which stands in ``root``.
        repository: the address of the repository, in whose ``raw``, ``blob`` and ``tree`` files and folders are found.
        tag: the tag whose files are meant.
        root: the folder that relative addresses start from.
    """

    def replaced(link: re.Match[str]) -> str:
        if repository is None:
            return f"*{link['text']}.*" if link["picture"] else link["text"]
        path, mark, section = link["target"].partition("#")
        kind = "raw" if link["picture"] else "tree" if (root / path).is_dir() else "blob"
        return f"{link['picture']}[{link['text']}]({repository.rstrip('/')}/{kind}/{tag}/{path}{mark}{section})"

    return LINK.sub(replaced, text)


def main() -> None:
    """Rewrite the README of the folder that is the one argument."""
    root = Path(sys.argv[1])
    urls = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"].get("urls", {})
    source = (root / "graphseq" / "__init__.py").read_text(encoding="utf-8")
    version = re.search(r'^__version__ = "(.+)"', source, flags=re.MULTILINE)
    if version is None:
        raise SystemExit("graphseq/__init__.py has no __version__")
    page = root / "README.md"
    text = rewritten(page.read_text(encoding="utf-8"), urls.get("Repository"), f"v{version[1]}", root)
    page.write_text(text, encoding="utf-8")
    if "Repository" not in urls:
        print(
            "pyproject.toml has no Repository under project.urls: the README of the packages has no pictures or links"
        )


if __name__ == "__main__":
    main()
