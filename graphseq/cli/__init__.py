"""What ``python -m graphseq`` can do, a module a command: its flags, what it does with them, and what it says.

Nothing here loads torch before a command runs. These modules alone print.
"""
