"""The report page: one HTML file with its figures, which needs no network."""
