"""The report page: one HTML file with its figures, which fetches nothing."""
