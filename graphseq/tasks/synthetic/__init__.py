"""Tasks that are drawn from a seed."""
