"""What finished runs look like: figures, their labels, and tables."""
