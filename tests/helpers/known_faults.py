KNOWN: frozenset[tuple[str, str]] = frozenset()
