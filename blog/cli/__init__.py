"""The command-line interface: the arguments of every `blog` command, and what it does."""
