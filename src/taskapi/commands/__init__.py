"""What the `taskapi` command does, a module for each group of commands."""
