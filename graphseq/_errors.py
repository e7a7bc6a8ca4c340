"""Errors that are not faults of the library."""

FORESEEN = (ValueError, TypeError, OSError, RuntimeError, OverflowError, MemoryError)
"""Errors that a user's input, a file or a full machine can cause: reported in one line, without a traceback."""
