"""`/metrics`: read by Prometheus's own parser, and the same whichever process answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families
from servers import Server, until_true

from graphstead.figures import FAMILIES

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
ECHO = {"assistant_id": "echo", "input": {"message": "hi"}}
SLOW = {"assistant_id": "slow", "input": {"steps": 600, "sleep_s": 0.1}}
SEARCH = (("method", "POST"), ("path", "/threads/search"), ("status", "200"))
COUNT = (("method", "POST"), ("path", "/threads/count"), ("status", "200"))
ENDED = ("graphstead_runs_ended_total", (("graph_id", "steps"), ("status", "success")))
OF_RUNS = (
    "lg_api_run_attempt_started_counter_total",
    "lg_api_run_success_counter_total",
    "lg_api_run_execution_latency_count",
    "lg_api_run_queue_wait_time_1st_attempt_count",
    "graphstead_writer_commit_milliseconds_count",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Two API processes and a worker."""
    brief = {"GRAPHSTEAD_SHUTDOWN_GRACE_S": "1"}
    folder = tmp_path_factory.mktemp("metrics")
    server = Server(folder / "data", command="serve", args=["--api-workers", "2"], env=brief)
    yield server.start()
    server.kill()


def samples(server: Server) -> Samples:
    answer = server.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def figure(server: Server, name: str, *labels: tuple[str, str]) -> float:
    return samples(server).get((name, labels), 0)


def part_of(server: Server, word: str) -> list[psutil.Process]:
    family = psutil.Process(server.running.pid).children(recursive=True)
    return [one for one in family if word in " ".join(one.cmdline())]


def test_every_metric_is_exposed_with_its_type_and_help(served: Server) -> None:
    served.post("/runs/wait", ECHO)
    served.post("/threads/search", {})
    families = {
        family.name: family
        for family in text_string_to_metric_families(served.get("/metrics").text)
    }
    for name, family in FAMILIES.items():
        found = families[name.removesuffix("_total")]
        assert (found.type, found.documentation) == (family.kind, family.help)
    assert len(families) == len(FAMILIES)


def test_runs_of_a_worker_are_counted_by_whichever_process_answers(served: Server) -> None:
    for _ in range(3):
        served.post("/runs/wait", {"assistant_id": "steps", "input": {"topic": "tea"}})

    def are_counted() -> bool:
        """Tell whether all is told: a process writes its figures each second, at any moment."""
        told = samples(served)
        return told.get(ENDED) == 3 and min(told.get((name, ()), 0) for name in OF_RUNS) >= 3

    until_true(are_counted)
    until_true(lambda: figure(served, "graphstead_processes") == 3)
    figures = samples(served)
    assert figures[ENDED] == 3
    assert figures["lg_api_workers_max", ()] == 10
    assert figures["graphstead_database_bytes", ()] > 0


def test_requests_are_counted_exactly_under_the_template_of_their_path(served: Server) -> None:
    for _ in range(20):
        served.post("/threads/count", {})
    thread_id = served.post("/threads", {}).json()["thread_id"]
    served.get(f"/threads/{thread_id}")
    served.get(f"/nowhere/{thread_id}")
    # What the other process answered within the last second may come later.
    until_true(lambda: figure(served, "lg_api_http_requests_total", *COUNT) == 20)

    def paths() -> set[str]:
        return {dict(labels).get("path", "") for _, labels in samples(served)}

    until_true(lambda: "/threads/{thread_id}" in paths())
    assert not any(thread_id in path for path in paths())


def test_no_count_goes_backwards_when_an_api_process_is_killed(served: Server) -> None:
    for _ in range(10):
        served.post("/threads/search", {})
    before = figure(served, "lg_api_http_requests_total", *SEARCH)
    children = part_of(served, "graphstead.prefork")
    youngest = max(children, key=lambda child: child.create_time())
    youngest.kill()
    until_true(lambda: not youngest.is_running())
    until_true(lambda: figure(served, "graphstead_processes") == 3)
    assert figure(served, "lg_api_http_requests_total", *SEARCH) >= before


def test_queue_and_streams_are_told_while_they_last(served: Server) -> None:
    thread_id = served.post("/threads", {}).json()["thread_id"]
    runs = f"/threads/{thread_id}/runs"
    with httpx.stream("POST", f"{served.url}{runs}/stream", json=SLOW, timeout=60) as stream:
        lines = stream.iter_lines()
        next(line for line in lines if line.startswith("event: values"))
        served.post(runs, SLOW)
        until_true(lambda: figure(served, "graphstead_open_streams") == 1)
        told = served.get("/metrics?format=json").json()
        assert told["queue"]["n_running"] == 1
        assert told["queue"]["n_pending"] == 1
        assert told["queue"]["pending_runs_wait_time_max_secs"] > 0
        assert told["queue"]["pending_runs_wait_time_med_secs"] > 0
        assert told["queue"]["pending_unblocked_runs_wait_time_max_secs"] is None
        assert told["workers"] == {"max": 10, "active": 1, "available": 9}
        assert told["figures"]["graphstead_queue_age_seconds"] == 0
        until_true(lambda: figure(served, "graphstead_event_lag_milliseconds_count") > 0)
    served.call("DELETE", f"/threads/{thread_id}")
    until_true(lambda: figure(served, "graphstead_open_streams") == 0)
    until_true(lambda: figure(served, "lg_api_num_running_runs") == 0)
    assert figure(served, "lg_api_num_pending_runs") == 0


def test_json_tells_the_same_requests_as_the_text(served: Server) -> None:
    served.post("/threads/search", {})

    def agree() -> bool:
        told = served.get("/metrics?format=json").json()["api"]["http_requests_total"]
        found = [one for one in told if (one["path"], one["status"]) == ("/threads/search", 200)]
        counts = [one["count"] for one in found]
        return counts == [figure(served, "lg_api_http_requests_total", *SEARCH)]

    until_true(agree)


def test_many_scrapes_at_once_all_see_whole_figures(served: Server) -> None:
    seen: list[int] = []

    def scrape() -> None:
        seen.append(len(samples(served)))

    threads = [threading.Thread(target=scrape) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert min(seen) > len(FAMILIES)


def test_counts_outlive_a_restart(tmp_path: Path) -> None:
    server = Server(tmp_path / "data").start()
    try:
        for _ in range(5):
            server.post("/threads/search", {})
        server.restart()
        assert figure(server, "lg_api_http_requests_total", *SEARCH) == 5
        server.post("/threads/search", {})
        server.get("/metrics")
        server.restart(kill=True)
        assert figure(server, "lg_api_http_requests_total", *SEARCH) == 6
        assert figure(server, "graphstead_processes") == 1
    finally:
        server.kill()
