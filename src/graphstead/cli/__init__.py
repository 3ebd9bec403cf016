"""The `graphstead` command: dev, serve, worker, routes, check."""

def main() -> None:
    raise SystemExit("not built yet")
