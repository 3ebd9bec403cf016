"""Projects over the example graphs with further keys of langgraph.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from servers import EXAMPLES

HERE = Path(__file__).parent / "project"


def example_graphs() -> dict[str, Any]:
    """Return `graphs` of the examples with absolute paths."""
    graphs = json.loads(EXAMPLES.read_text())["graphs"]
    return {
        graph_id: {**graph, "path": str(EXAMPLES.parent / graph["path"])}
        for graph_id, graph in graphs.items()
    }


def write_project(folder: Path, **keys: Any) -> Path:
    """Write langgraph.json with the example graphs and these keys; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "langgraph.json"
    whole = {"dependencies": [str(EXAMPLES.parent), str(HERE)], "graphs": example_graphs(), **keys}
    config.write_text(json.dumps(whole))
    return config
