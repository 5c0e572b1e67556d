"""What several models are made of: layers with the replica axis, losses, closed forms."""
