"""For every operation of the contract: what a stranger tries with somebody's rows, and the outcome.

Each case is one request. `hidden` it is answered like one about nothing (404), `taken` like one
about an id in use (409), `none` with an empty page or zero, `apart` as if the rows were not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["hidden", "taken", "none", "apart"]
Body = Any


@dataclass(frozen=True)
class Case:
    """One request; `{thread}` and so on in path and body stand for rows of the owner."""

    method: str
    path: str
    verdict: Verdict
    body: Body = None
    streams: bool = False
    is_protocol: bool = False
    opens_socket: bool = False


def run(**fields: Any) -> dict[str, Any]:
    return {"assistant_id": "echo", "input": {"message": "hi"}, **fields}


OWN_RUN = run(assistant_id="{assistant}")
PATIENT = {"assistant_id": "{assistant}", "schedule": "0 0 29 2 *"}
RUN = "/threads/{thread}/runs/{run}"
WAITING = "/threads/{waiting_thread}/runs/{waiting}"

CASES: dict[str, Case] = {
    # assistants
    "search_assistants_assistants_search_post": Case(
        "POST", "/assistants/search", "apart", {"limit": 1000}
    ),
    "create_assistant_assistants_post": Case(
        "POST",
        "/assistants",
        "taken",
        {"graph_id": "echo", "assistant_id": "{assistant}", "if_exists": "do_nothing"},
    ),
    "count_assistants_assistants_count_post": Case(
        "POST", "/assistants/count", "none", {"name": "{mark}"}
    ),
    "get_assistant_assistants__assistant_id__get": Case("GET", "/assistants/{assistant}", "hidden"),
    "patch_assistant_assistants__assistant_id__patch": Case(
        "PATCH", "/assistants/{assistant}", "hidden", {"name": "mine"}
    ),
    "delete_assistant_assistants__assistant_id__delete": Case(
        "DELETE", "/assistants/{assistant}?delete_threads=true", "hidden"
    ),
    "get_assistant_versions_assistants__assistant_id__versions_get": Case(
        "POST", "/assistants/{assistant}/versions", "hidden", {}
    ),
    "set_latest_assistant_version_assistants__assistant_id__versions_post": Case(
        "POST", "/assistants/{assistant}/latest", "hidden", {"version": 1}
    ),
    "get_assistant_graph_assistants__assistant_id__graph_get": Case(
        "GET", "/assistants/{assistant}/graph", "hidden"
    ),
    "get_assistant_schemas_assistants__assistant_id__schemas_get": Case(
        "GET", "/assistants/{assistant}/schemas", "hidden"
    ),
    "get_assistant_contract_assistants__assistant_id__openapi_json_get": Case(
        "GET", "/assistants/{assistant}/openapi.json", "hidden"
    ),
    "get_assistant_skill_assistants__assistant_id__skill_zip_get": Case(
        "GET", "/assistants/{assistant}/skill.zip", "hidden"
    ),
    "get_assistant_subgraphs_assistants__assistant_id__subgraphs_get": Case(
        "GET", "/assistants/{assistant}/subgraphs", "hidden"
    ),
    "get_assistant_subgraphs_assistants__assistant_id__subgraphs__namespace__get": Case(
        "GET", "/assistants/{assistant}/subgraphs/x", "hidden"
    ),
    # threads
    "create_thread_threads_post": Case(
        "POST", "/threads", "taken", {"thread_id": "{thread}", "if_exists": "do_nothing"}
    ),
    "search_threads_threads_search_post": Case(
        "POST", "/threads/search", "none", {"metadata": {"mark": "{mark}"}}
    ),
    "count_threads_threads_count_post": Case(
        "POST", "/threads/count", "none", {"metadata": {"mark": "{mark}"}}
    ),
    "prune_threads_threads_prune_post": Case(
        "POST", "/threads/prune", "none", {"thread_ids": ["{thread}"]}
    ),
    "get_thread_threads__thread_id__get": Case("GET", "/threads/{thread}", "hidden"),
    "patch_thread_threads__thread_id__patch": Case(
        "PATCH", "/threads/{thread}", "hidden", {"metadata": {"x": 1}}
    ),
    "delete_thread_threads__thread_id__delete": Case("DELETE", "/threads/{thread}", "hidden"),
    "copy_thread_post_threads__thread_id__copy_post": Case(
        "POST", "/threads/{thread}/copy", "taken"
    ),
    "get_thread_storage_threads__thread_id__storage_get": Case(
        "GET", "/threads/{thread}/storage", "hidden"
    ),
    "get_latest_thread_state_threads__thread_id__state_get": Case(
        "GET", "/threads/{thread}/state?subgraphs=true", "hidden"
    ),
    "update_thread_state_threads__thread_id__state_post": Case(
        "POST", "/threads/{thread}/state", "hidden", {"values": {"message": "mine"}}
    ),
    "get_thread_state_at_checkpoint_threads__thread_id__state__checkpoint_id__get": Case(
        "GET", "/threads/{thread}/state/{checkpoint}", "hidden"
    ),
    "post_thread_state_at_checkpoint_threads__thread_id__state__checkpoint_id__get": Case(
        "POST",
        "/threads/{thread}/state/checkpoint",
        "hidden",
        {"checkpoint": {"checkpoint_id": "{checkpoint}"}},
    ),
    "get_thread_history_threads__thread_id__history_get": Case(
        "GET", "/threads/{thread}/history", "hidden"
    ),
    "get_thread_history_post_threads__thread_id__history_post": Case(
        "POST", "/threads/{thread}/history", "hidden", {"limit": 10}
    ),
    "join_thread_stream_threads__thread_id__stream_get": Case(
        "GET", "/threads/{thread}/stream", "hidden", streams=True
    ),
    # runs on threads
    "create_run_threads__thread_id__runs_post": Case(
        "POST", "/threads/{thread}/runs", "hidden", run(if_not_exists="create")
    ),
    "wait_run_threads__thread_id__runs_wait_post": Case(
        "POST", "/threads/{thread}/runs/wait", "hidden", run()
    ),
    "stream_run_threads__thread_id__runs_stream_post": Case(
        "POST", "/threads/{thread}/runs/stream", "hidden", run(), streams=True
    ),
    "list_runs_http_threads__thread_id__runs_get": Case("GET", "/threads/{thread}/runs", "hidden"),
    "get_run_http_threads__thread_id__runs__run_id__get": Case("GET", RUN, "hidden"),
    "join_run_http_threads__thread_id__runs__run_id__join_get": Case(
        "GET", f"{RUN}/join", "hidden"
    ),
    "stream_run_http_threads__thread_id__runs__run_id__join_get": Case(
        "GET", f"{RUN}/stream?cancel_on_disconnect=true", "hidden", streams=True
    ),
    "delete_run_threads__thread_id__runs__run_id__delete": Case("DELETE", RUN, "hidden"),
    "cancel_run_http_threads__thread_id__runs__run_id__cancel_post": Case(
        "POST", f"{WAITING}/cancel?action=rollback", "hidden"
    ),
    "cancel_runs_post": Case(
        "POST",
        "/runs/cancel",
        "hidden",
        {"thread_id": "{waiting_thread}", "run_ids": ["{waiting}"]},
    ),
    # runs without threads
    "run_stateless_runs_post": Case("POST", "/runs", "hidden", OWN_RUN),
    "run_batch_stateless_runs_post": Case("POST", "/runs/batch", "hidden", [OWN_RUN]),
    "wait_run_stateless_runs_wait_post": Case("POST", "/runs/wait", "hidden", OWN_RUN),
    "stream_run_stateless_runs_stream_post": Case(
        "POST", "/runs/stream", "hidden", OWN_RUN, streams=True
    ),
    "stream_run_stateless_get": Case("GET", "/runs/{run}/stream", "hidden", streams=True),
    # crons
    "create_cron_runs_crons_post": Case("POST", "/runs/crons", "hidden", PATIENT),
    "create_thread_cron_threads__thread_id__runs_crons_post": Case(
        "POST", "/threads/{thread}/runs/crons", "hidden", {**PATIENT, "assistant_id": "echo"}
    ),
    "search_crons_runs_crons_post": Case(
        "POST", "/runs/crons/search", "none", {"metadata": {"mark": "{mark}"}}
    ),
    "count_crons_runs_crons_count_post": Case(
        "POST", "/runs/crons/count", "none", {"metadata": {"mark": "{mark}"}}
    ),
    "get_cron_runs_crons__cron_id__get": Case("GET", "/runs/crons/{cron}", "hidden"),
    "patch_cron_runs_crons__cron_id__patch": Case(
        "PATCH", "/runs/crons/{cron}", "hidden", {"enabled": False}
    ),
    "delete_cron_runs_crons__cron_id__delete": Case("DELETE", "/runs/crons/{cron}", "hidden"),
    # the store
    "put_item": Case(
        "PUT",
        "/store/items",
        "apart",
        {"namespace": ["{owner}", "notes"], "key": "{mark}", "value": {"x": 1}},
    ),
    "get_item": Case("GET", "/store/items?namespace={owner}.notes&key={mark}", "apart"),
    "delete_item": Case(
        "DELETE", "/store/items", "apart", {"namespace": ["{owner}", "notes"], "key": "{mark}"}
    ),
    "search_items": Case(
        "POST", "/store/items/search", "apart", {"namespace_prefix": [], "limit": 1000}
    ),
    "list_namespaces": Case("POST", "/store/namespaces", "apart", {"limit": 1000}),
}

# Protocols that answer errors in ways of their own; their tests have more.
RPC = {"jsonrpc": "2.0", "id": 1}
SAID = {"role": "user", "messageId": "m1", "parts": [{"kind": "text", "text": "hi"}]}
ASKED = {"message": {**SAID, "contextId": "{thread}"}}
TOOLS = {**RPC, "method": "tools/list"}
EVENTS = "/threads/{thread}/stream/events"


def protocol(method: str, path: str, body: Body = None, **more: bool) -> Case:
    return Case(method, path, "apart", body, is_protocol=True, **more)


CASES |= {
    "post_a2a": protocol(
        "POST", "/a2a/{assistant}", {**RPC, "method": "message/send", "params": ASKED}
    ),
    "a2a_card_get": protocol("GET", "/a2a/{assistant}"),
    "a2a_agent_card_get": protocol("GET", "/a2a/{assistant}/.well-known/agent-card.json"),
    "a2a_agent_json_get": protocol("GET", "/a2a/{assistant}/.well-known/agent.json"),
    "agent_card_well_known_get": protocol(
        "GET", "/.well-known/agent-card.json?assistant_id={assistant}"
    ),
    "post_mcp": protocol("POST", "/mcp/", TOOLS),
    "post_mcp_no_slash": protocol("POST", "/mcp", TOOLS),
    "get_mcp": protocol("GET", "/mcp/"),
    "get_mcp_no_slash": protocol("GET", "/mcp"),
    "delete_mcp": protocol("DELETE", "/mcp/"),
    "delete_mcp_no_slash": protocol("DELETE", "/mcp"),
    "protocol_thread_command_post": protocol(
        "POST",
        "/threads/{waiting_thread}/commands",
        {"id": 1, "method": "run.cancel", "params": {"run_id": "{waiting}"}},
    ),
    "protocol_thread_events_post": Case(
        "POST", EVENTS, "hidden", {"channels": ["values"]}, streams=True
    ),
    "protocol_thread_events_websocket_get": protocol(
        "GET", EVENTS, streams=True, opens_socket=True
    ),
    "ui_post": protocol("POST", "/ui/echo", {"name": "card"}),
}
