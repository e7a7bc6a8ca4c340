"""A grid of runs, on this machine or on a cluster, by one call; what is finished is never run again."""
