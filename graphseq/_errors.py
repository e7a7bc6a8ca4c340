"""What can go wrong without a mistake of ours."""

FORESEEN = (ValueError, TypeError, OSError, RuntimeError, OverflowError, MemoryError)
"""What a user's input, a file or a full machine can bring about: told in one line, without a traceback."""
