"""Accuracy of models at several lengths of a task, the experiment of the commands ``compare`` and ``sweep``."""
