"""The command line: commands, their flags, and what is shown on the screen."""
