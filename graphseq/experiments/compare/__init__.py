"""The main job: the model families side by side on the same graphs, and where each of them breaks.

Nothing here loads torch but :mod:`graphseq.experiments.compare.runs`, which runs in worker processes.
"""
