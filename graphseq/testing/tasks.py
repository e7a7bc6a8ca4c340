"""The check that a :class:`~graphseq.tasks.Task` keeps the contract of tasks."""

from __future__ import annotations

from collections.abc import Callable, Collection

from torch import Tensor

from graphseq import _checks
from graphseq._arguments import checked_arguments
from graphseq.tasks.base import Task
from graphseq.testing import leak_checks, task_checks  # noqa: F401 - they fill the suite
from graphseq.testing.task_case import TASK_SUITE, UNINFORMATIVE, TaskCase, Uninformative


@checked_arguments
def check_task(
    build: Callable[[], Task],
    *,
    relevant_node: int | None = None,
    uninformative: Uninformative | None = "target",
    answer: Callable[[Tensor], float] | None = None,
    samples: int = 4000,
    exclude: Collection[str] = (),
) -> None:
    """Check that a task keeps the contract of :class:`graphseq.tasks.Task`, and does not leak its answers.

    Among the facts that are checked:

    - a batch is a function of the generator's state alone, and its samples are independent;
    - it has one answer for each target row or graph, and is what PyG makes of its graphs;
    - loss and score broadcast nothing;
    - ``hops`` is the largest distance from a relevant node to the target row, and ``chance`` the best constant's score;
    - inputs that are claimed to be ``uninformative`` say nothing of the answer, by a χ² test over thousands of samples.

    Tests of chance are by fixed seeds, so that a task passes always or never; each would find fault with one right
    task in a thousand.

    Args:
        build: gives a new task, the same each time.
        relevant_node: the row of a sample that the last target row must know, where it is the same in all samples.
        uninformative: which inputs, all of them together, say nothing of the answer: that of the target row
            ("target"), those of all but the relevant nodes ("irrelevant"), or, moreover, those of all rows that are
            nearer than ``hops`` ("nearer"). ``None`` where even the target row may tell, as in a forecast.
        answer: the answer as read from x (V, F) of a batch in which all rows but the relevant nodes and the target of
            one answer are zero; without it, the class that ``relevant_node`` shows.
        samples: the number of samples that show whether irrelevant nodes say anything, rounded down to hundreds.
        exclude: names of checks to leave out, as messages give them.

    Raises:
        AssertionError: a check failed; the message says what was expected of the task.
        TypeError: ``build`` does not return a task.
        ValueError: an unknown ``uninformative``, ``samples`` below 100, or a name in ``exclude`` that is no check.

    Example:
        >>> import graphseq as gs
        >>> gs.testing.check_task(lambda: gs.tasks.Transfer(3), relevant_node=0, uninformative="nearer")

        A chance that is not that of the answers is found:

        >>> class Hopeful(gs.tasks.Transfer):
        ...     def __init__(self):
        ...         super().__init__(3, num_classes=10)
        ...         self.chance = 0.5
        >>> gs.testing.check_task(Hopeful)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        AssertionError: Hopeful says chance=0.5, but its commonest answer has a share of 0.1... in 4000 samples (check \
chance_is_the_share_of_the_commonest_answer; to leave it out: exclude=['chance_is_the_share_of_the_commonest_answer'])
    """
    if uninformative is not None:
        _checks.one_of("uninformative", uninformative, UNINFORMATIVE)
    _checks.at_least("samples", samples, 100)
    TASK_SUITE.run(TaskCase(build, relevant_node, uninformative, answer, samples), exclude)
