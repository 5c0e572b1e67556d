"""Parts of several models: layers with a replica axis, losses, closed forms."""
