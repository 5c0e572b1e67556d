"""How a strategy's model is trained on a task."""
