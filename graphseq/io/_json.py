"""JSON as plain data; every error names the file."""

from __future__ import annotations

import json
from typing import Any


def parsed(name: str, text: str) -> Any:
    """Return the content of a JSON file.

    Raises:
        ValueError: not JSON, with the line; nested too deep; an object that has a key twice, of which Python would
            read the last without a word.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise ValueError(f"{name}: an object has the key {twice!r} twice")
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}, line {error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise ValueError(f"{name}: its JSON is nested too deep") from None
    except ValueError as error:
        if str(error).startswith(name):
            raise
        raise ValueError(f"{name}: {str(error).partition(';')[0]}") from None  # a number of thousands of digits
