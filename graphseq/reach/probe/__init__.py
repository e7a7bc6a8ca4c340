"""Any model on any data as one function of its rows, and the measurements of it."""
