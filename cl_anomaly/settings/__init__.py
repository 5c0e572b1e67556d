"""Settings: options, their types and limits, and users' files."""
