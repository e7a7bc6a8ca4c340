"""Errors that are not faults of the library."""


class RunFailedError(RuntimeError):
    """A run of an experiment ended without a result; all others are done and kept."""


FORESEEN = (ValueError, TypeError, OSError, RuntimeError, OverflowError, MemoryError)
"""Errors that a user's input, a file or a full machine can cause: reported in one line, without a traceback."""
