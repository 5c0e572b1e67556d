"""What several strategies are made of; nothing in here is a strategy."""
