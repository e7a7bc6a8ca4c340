"""Tasks: seeded batches of space-time graphs with answers."""

from graphseq.tasks.base import FixedTask, Task
from graphseq.tasks.characters import Characters, read_text
from graphseq.tasks.palindrome import Palindrome
from graphseq.tasks.transfer import Transfer

__all__ = ["Characters", "FixedTask", "Palindrome", "Task", "Transfer", "read_text"]
