"""The forecasting job: model families and baselines side by side on the same windows of a recorded graph over time.

Nothing here loads torch but :mod:`graphseq.experiments.forecast.run` and what only it and the job's end read.
"""
