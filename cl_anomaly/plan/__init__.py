"""Turn settings into a plan, and a plan into objects."""
