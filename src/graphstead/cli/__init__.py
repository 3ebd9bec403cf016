"""The `graphstead` command. Each subcommand lives in a module that is imported when called for."""

from graphstead.cli.root import main

__all__ = ["main"]
