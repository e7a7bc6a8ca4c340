"""The report of a diagnosis: what its figures show as data, the figures, and pages in HTML and PDF."""
