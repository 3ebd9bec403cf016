"""Loading a project's graphs from real files, and opening them for a use."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from langgraph.checkpoint.memory import InMemorySaver

from graphstead.graphs import GraphSet, load_graphs, load_project
from graphstead.graphs.factories import GraphTypeError
from graphstead.problems import GraphNotFound, StartupError

COMMON = """
import contextlib
from dataclasses import dataclass
from typing_extensions import TypedDict
from langgraph.graph import START, StateGraph
from langgraph_sdk.runtime import ServerRuntime

class State(TypedDict):
    text: str

def make(text="made", **options):
    builder = StateGraph(State)
    builder.add_node("say", lambda state: {"text": text})
    builder.add_edge(START, "say")
    return builder.compile(**options)
"""


@pytest.fixture(autouse=True)
def own_process_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give back modules, import paths and environment as they were."""
    modules = set(sys.modules)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    monkeypatch.setattr(os, "environ", os.environ.copy())
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]


def make_project(root: Path, files: dict[str, str], graphs: dict[str, Any], **keys: Any) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    config = {"dependencies": ["."], "graphs": graphs} | keys
    (root / "langgraph.json").write_text(json.dumps(config))
    return root


def load(root: Path, code: str, **graphs: str) -> GraphSet:
    sources = graphs or {"g": "./agent.py:graph"}
    files = {"agent.py": COMMON + textwrap.dedent(code)}
    return load_graphs(load_project(make_project(root, files, sources)))


def faults_of(root: Path) -> list[str]:
    with pytest.raises(StartupError) as caught:
        load_graphs(load_project(root))
    return [fault.replace(f"{root}/", "") for fault in caught.value.faults]


async def said(graphs: GraphSet, graph_id: str = "g", **options: Any) -> str:
    """Open a graph, run it, return what it says."""
    given: dict[str, Any] = {"config": {}, "access": "threads.create_run", "checkpointer": None}
    async with graphs.open(graph_id, **given | options) as graph:
        answer = await graph.ainvoke({"text": ""})
    return str(answer["text"])


async def test_a_compiled_graph_is_served_under_its_graph_id(tmp_path: Path) -> None:
    graphs = load(tmp_path, "graph = make()")
    assert graphs.ids == ("g",)
    assert graphs.name("g") == "g"
    assert await said(graphs) == "made"


def test_a_graph_keeps_a_name_of_its_own(tmp_path: Path) -> None:
    assert load(tmp_path, "graph = make(name='Writer')").name("g") == "Writer"


def test_descriptions_come_from_the_project(tmp_path: Path) -> None:
    graphs = {"a": {"path": "./agent.py:graph", "description": "Says it."}, "b": "./agent.py:graph"}
    make_project(tmp_path, {"agent.py": COMMON + "graph = make()"}, graphs)
    loaded = load_graphs(load_project(tmp_path))
    assert (loaded.description("a"), loaded.description("b")) == ("Says it.", None)


async def test_a_builder_is_compiled(tmp_path: Path) -> None:
    assert await said(load(tmp_path, "graph = make().builder")) == "made"


FACTORIES = {
    "no argument": "def graph(): return make('x')",
    "config": "def graph(config): return make(config['configurable']['text'])",
    "config by another name": "def graph(cfg): return make(cfg['configurable']['text'])",
    "runtime": "def graph(runtime: ServerRuntime): return make(runtime.access_context)",
    "runtime as text": "def graph(r: 'ServerRuntime'): return make(r.access_context)",
    "typed runtime": """
        @dataclass
        class Ctx:
            tone: str = "dull"
        def graph(r: ServerRuntime[Ctx]): return make(r.execution_runtime.context.tone)
    """,
    "both": """
        def graph(config, r: ServerRuntime):
            return make(config["configurable"]["text"] + r.access_context)
    """,
    "both turned round": """
        def graph(r: ServerRuntime, config):
            return make(config["configurable"]["text"] + r.access_context)
    """,
    "async": "async def graph(): return make('x')",
    "builder": "def graph(): return make('x').builder",
    "context manager": """
        @contextlib.contextmanager
        def graph(config):
            yield make(config["configurable"]["text"])
    """,
    "async context manager": """
        @contextlib.asynccontextmanager
        async def graph(config, r: ServerRuntime):
            yield make(config["configurable"]["text"])
    """,
    "callable object": """
        class Maker:
            def __call__(self, config): return make(config["configurable"]["text"])
        graph = Maker()
    """,
    "defaults and extras": "def graph(n: int = 3, *args, **kwargs): return make('x')",
}
SAYS = {
    "no argument": "x",
    "runtime": "threads.create_run",
    "runtime as text": "threads.create_run",
    "typed runtime": "warm",
    "both": "hithreads.create_run",
    "both turned round": "hithreads.create_run",
    "async": "x",
    "builder": "x",
    "defaults and extras": "x",
}


@pytest.mark.parametrize("kind", FACTORIES)
async def test_a_factory_makes_the_graph(tmp_path: Path, kind: str) -> None:
    graphs = load(tmp_path, FACTORIES[kind])
    config = {"configurable": {"text": "hi"}}
    found = await said(graphs, config=config, context={"tone": "warm"})
    assert found == SAYS.get(kind, "hi")


async def test_resources_of_a_factory_last_as_long_as_the_use(tmp_path: Path) -> None:
    graphs = load(
        tmp_path,
        """
        seen = []
        @contextlib.asynccontextmanager
        async def graph():
            seen.append("open")
            try:
                yield make()
            finally:
                seen.append("closed")
        """,
    )
    seen = sys.modules["agent"].seen
    with pytest.raises(RuntimeError, match="in use"):
        async with graphs.open("g", {}, access="threads.read", checkpointer=None):
            assert seen == ["open"]
            raise RuntimeError("in use")
    assert seen == ["open", "closed"]


async def test_only_a_run_has_an_execution_runtime(tmp_path: Path) -> None:
    graphs = load(
        tmp_path,
        """
        def graph(r: ServerRuntime):
            return make(f"{r.execution_runtime is not None} {r.user} {r.store}")
        """,
    )
    assert await said(graphs, user="ann", context={}) == "True ann None"
    assert await said(graphs, access="assistants.read") == "False None None"


async def test_a_factory_that_makes_no_graph_is_a_type_error(tmp_path: Path) -> None:
    graphs = load(tmp_path, "def graph(): return 3")
    with pytest.raises(GraphTypeError, match="expected a graph, found int"):
        await said(graphs)


async def test_opening_never_changes_the_shared_graph(tmp_path: Path) -> None:
    graphs = load(tmp_path, "graph = make()")
    shared = sys.modules["agent"].graph
    saver = InMemorySaver()
    async with graphs.open("g", {}, access="threads.read", checkpointer=saver) as graph:
        assert graph.checkpointer is saver
    async with graphs.open("g", {}, access="threads.read", checkpointer=None) as graph:
        assert graph.checkpointer is None
    assert (shared.checkpointer, shared.name) == (None, "LangGraph")


async def test_the_server_replaces_a_checkpointer_of_the_graphs_own(tmp_path: Path) -> None:
    graphs = load(
        tmp_path,
        """
        from langgraph.checkpoint.memory import InMemorySaver
        graph = make(checkpointer=InMemorySaver())
        """,
    )
    assert await said(graphs) == "made"


async def test_a_factory_whose_graph_brings_its_own_saver_is_told_of_once(tmp_path: Path) -> None:
    graphs = load(
        tmp_path,
        """
        from langgraph.checkpoint.memory import InMemorySaver
        def graph():
            return make(checkpointer=InMemorySaver())
        """,
    )
    with structlog.testing.capture_logs() as logs:
        assert [await said(graphs), await said(graphs)] == ["made", "made"]
    told = [(one["event"], one["graph_id"], one["part"]) for one in logs]
    assert told == [("the server's own takes its place", "g", "checkpointer")]


def test_an_unknown_graph_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(GraphNotFound, match=r"Graph 'x' not found. Expected one of: \['g'\]"):
        load(tmp_path, "graph = make()").name("x")


async def test_a_module_of_a_package_may_import_its_siblings(tmp_path: Path) -> None:
    files = {
        "src/writer/__init__.py": "",
        "src/writer/words.py": "WORD = 'sibling'",
        "src/writer/agent.py": COMMON + "from .words import WORD\ngraph = make(WORD)",
        "plain/words2.py": "WORD = 'plain'",
        "plain/agent2.py": COMMON + "from words2 import WORD\ngraph = make(WORD)",
    }
    sources = {"a": "./src/writer/agent.py:graph", "b": "./plain/agent2.py:graph"}
    make_project(tmp_path, files, sources, dependencies=["./src", "./plain"])
    graphs = load_graphs(load_project(tmp_path))
    assert [await said(graphs, name) for name in "ab"] == ["sibling", "plain"]
    assert "writer.agent" in sys.modules


async def test_a_module_name_is_imported_from_the_project(tmp_path: Path) -> None:
    files = {"pkg/__init__.py": "", "pkg/agent.py": COMMON + "graph = make()"}
    make_project(tmp_path, files, {"g": "pkg.agent:graph"})
    assert await said(load_graphs(load_project(tmp_path))) == "made"


async def test_a_file_named_like_a_library_is_still_the_file(tmp_path: Path) -> None:
    files = {"json.py": COMMON + "graph = make()", "odd-name/a b.py": COMMON + "graph = make('b')"}
    make_project(tmp_path, files, {"a": "./json.py:graph", "b": "./odd-name/a b.py:graph"})
    graphs = load_graphs(load_project(tmp_path))
    assert [await said(graphs, name) for name in "ab"] == ["made", "b"]
    assert "graph_odd_name_a_b" in sys.modules


def test_a_file_with_two_graphs_runs_once(tmp_path: Path) -> None:
    code = (
        "import os\nos.environ['RUNS'] = os.environ.get('RUNS', '') + 'x'\na = make()\nb = make()"
    )
    load(tmp_path, code, a="./agent.py:a", b="./agent.py:b")
    assert os.environ["RUNS"] == "x"


async def test_graphs_see_the_environment_of_the_project(tmp_path: Path) -> None:
    files = {"agent.py": COMMON + "import os\ngraph = make(os.environ['WORD'])"}
    make_project(tmp_path, files, {"g": "./agent.py:graph"}, env={"WORD": "from the file"})
    os.environ["WORD"] = "from the shell"
    assert await said(load_graphs(load_project(tmp_path))) == "from the file"


def test_every_graph_that_fails_is_told_with_file_line_and_cause(tmp_path: Path) -> None:
    files = {
        "good.py": COMMON + "graph = make()",
        "broken.py": "x = 1\ndef f(:\n",
        "raising.py": "import helper\n",
        "helper.py": "\n\nraise ValueError('no key')\n",
        "importing.py": "\nimport nowhere_to_be_found\n",
        "leaving.py": "raise SystemExit(3)\n",
        "odd.py": "number = 3\ndef two(a, b): ...\n",
        "dangling.py": COMMON + "graph = StateGraph(State)\ngraph.add_edge('a', 'b')",
    }
    sources = {
        "good": "./good.py:graph",
        "broken": "./broken.py:graph",
        "raising": "./raising.py:graph",
        "importing": "./importing.py:graph",
        "leaving": "./leaving.py:graph",
        "absent": "./absent.py:graph",
        "module": "no.such.module:graph",
        "misspelt": "./good.py:grahp",
        "number": "./odd.py:number",
        "two": "./odd.py:two",
        "dangling": "./dangling.py:graph",
    }
    faults = faults_of(make_project(tmp_path, files, sources))
    head = [fault.partition(" cannot be loaded: ") for fault in faults]
    assert [name for name, _, _ in head] == [
        f"Graph '{name}' ({source})" for name, source in sources.items() if name != "good"
    ]
    causes = [cause for _, _, cause in head]
    assert causes[0].startswith("broken.py line 2: SyntaxError: invalid syntax")
    assert causes[1:] == [
        "helper.py line 3: ValueError: no key",
        "importing.py line 2: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
        "leaving.py line 1: SystemExit: 3",
        "there is no file absent.py",
        "ModuleNotFoundError: No module named 'no'",
        "good.py has no variable 'grahp'; did you mean 'graph'?",
        "expected a graph, a StateGraph or a factory of one, found int",
        "a factory takes nothing, 'config', a ServerRuntime, or both; not 'b'",
        causes[-1],
    ]
    assert causes[-1].startswith("the StateGraph does not compile: ")


EMBED = """
def embed(texts):
    return [[1.0, 0.0] for _ in texts]

number = 5
"""


def load_with_embeddings(root: Path, embed: str) -> GraphSet:
    code = textwrap.dedent(COMMON) + "\ngraph = make()\n"
    store = {"index": {"embed": embed, "dims": 2}}
    files = {"agent.py": code, "lib/embedding.py": EMBED, "project_embedding.py": EMBED}
    project = make_project(root, files, {"g": "./agent.py:graph"}, store=store)
    return load_graphs(load_project(project))


@pytest.mark.parametrize("embed", ["./lib/embedding.py:embed", "project_embedding:embed"])
async def test_the_stores_embedding_is_loaded_from_file_or_module(
    tmp_path: Path, embed: str
) -> None:
    embeddings = load_with_embeddings(tmp_path, embed).embeddings
    assert embeddings is not None
    assert await embeddings.aembed_documents(["a", "b"]) == [[1.0, 0.0], [1.0, 0.0]]


@pytest.mark.parametrize(
    ("embed", "told"),
    [
        ("./lib/nothing.py:embed", "there is no file"),
        ("./lib/embedding.py:embd", "did you mean 'embed'?"),
        ("./lib/embedding.py:number", "expected a function or Embeddings, found int"),
        ("openai:text-embedding-3-small", "needs the packages langchain and"),
    ],
)
def test_an_embedding_that_cannot_be_loaded_stops_the_start(
    tmp_path: Path, embed: str, told: str
) -> None:
    with pytest.raises(StartupError) as caught:
        load_with_embeddings(tmp_path, embed)
    (fault,) = caught.value.faults
    assert fault.startswith(f"store.index.embed ({embed}) cannot be loaded: ")
    assert told in fault
