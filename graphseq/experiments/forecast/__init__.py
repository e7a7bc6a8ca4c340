"""The forecasting experiment: models and baselines on the same windows of a recorded graph over time.

Nothing here loads torch but :mod:`graphseq.experiments.forecast.run` and what only it and the job's end read.
"""
