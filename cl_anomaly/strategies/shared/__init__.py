"""Parts of several strategies; nothing in here is a strategy."""
