"""What a user sets: options, their kinds and limits, and files of their own."""
