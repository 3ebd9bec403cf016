"""What a request knows of the address it was sent to."""

from __future__ import annotations

import pytest

from graphstead.contract.compile import compile_contract
from graphstead.contract.exchange import Exchange
from graphstead.contract.load import packaged

OPERATIONS = compile_contract(packaged()).operations


@pytest.mark.parametrize(
    ("operation_id", "path", "base_url"),
    [
        ("a2a_card_get", "/a2a/chat", "https://agents.example.com"),
        ("a2a_card_get", "/v1/agents/a2a/chat", "https://agents.example.com/v1/agents"),
        ("agent_card_well_known_get", "/.well-known/agent-card.json", "https://agents.example.com"),
        ("root_get", "/", "https://agents.example.com"),
        (None, "/somewhere/else", "https://agents.example.com"),
    ],
)
def test_the_base_of_an_address_is_what_comes_before_the_operations_own_path(
    operation_id: str | None, path: str, base_url: str
) -> None:
    headers = [(b"accept", b"*/*"), (b"host", b"agents.example.com")]
    exchange = Exchange("id", headers, scheme="https", path=path)
    exchange.operation = OPERATIONS[operation_id] if operation_id else None
    assert exchange.base_url == base_url
