"""The suite of long-range benchmarks: tasks, floors, families of models, published numbers, and runs of all of them."""
