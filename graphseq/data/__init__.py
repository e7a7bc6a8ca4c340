"""The space-time graph: its rows, edges and topology, and the ways of making one."""
