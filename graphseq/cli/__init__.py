"""The commands of ``python -m graphseq``, one module each: its flags, its work, and its output.

Nothing here loads torch before a command runs. These modules alone print.
"""
