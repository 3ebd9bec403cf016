"""Let `python -m graphstead` do what the `graphstead` command does."""

from graphstead.cli import main

if __name__ == "__main__":
    main(prog_name="graphstead")
