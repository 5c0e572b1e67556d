"""What is normal, what is anomalous, and in which order it arrives."""
