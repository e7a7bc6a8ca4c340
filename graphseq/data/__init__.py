"""The space-time graph, its topology, and its constructors from sequences, graphs, signals, events and images."""
