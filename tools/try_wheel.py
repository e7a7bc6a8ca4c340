"""Import every public name of the installed package, and run the Python snippets of a README, the one argument."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import graphseq

PACKAGES = (
    "nn",
    "tasks",
    "reach",
    "training",
    "evaluation",
    "baselines",
    "transforms",
    "io",
    "datasets",
    "plot",
    "text",
    "testing",
)


def main() -> None:
    """Raise what the package raises."""
    if Path(graphseq.__file__).is_relative_to(Path.cwd()) and "site-packages" not in graphseq.__file__:
        raise SystemExit(f"{graphseq.__file__} is not the installed package; run this elsewhere")
    for name in ("graphseq", *(f"graphseq.{package}" for package in PACKAGES)):
        module = importlib.import_module(name)
        for public in module.__all__:
            getattr(module, public)
    text = Path(sys.argv[1]).read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for snippet in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        exec(snippet, names)  # noqa: S102 - the README is ours


if __name__ == "__main__":
    main()
