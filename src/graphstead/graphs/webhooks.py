"""`webhooks` of langgraph.json: which addresses may be called, with which headers and fields.

Loopback and private addresses are refused unless the project says otherwise; this is asked of what
a name resolves to, at each call and each redirect, and of literal addresses at once.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from graphstead.problems import StartupError

__all__ = ["WebhookRules", "read_webhooks"]

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Fault = Callable[[str, str], None]
KEYS = {"env_prefix": str, "headers": dict, "url": dict, "allowed_fields": list}
URL_KEYS = {
    "require_https": bool,
    "allowed_domains": list,
    "allowed_ports": list,
    "max_url_length": int,
    "disable_loopback": bool,
    "disable_private_ips": bool,
}
DEFAULT_PORTS = {"http": 80, "https": 443}
TEMPLATE = re.compile(r"\$\{\{\s*env\.(\w+)\s*\}\}")
# IPv4 addresses behind a translator: they pass for global.
NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class WebhookRules:
    """What the project allows. `allowed_fields` None lets every member of the payload out."""

    require_https: bool = False
    allowed_domains: tuple[str, ...] = ()
    allowed_ports: tuple[int, ...] = ()
    max_url_length: int = 4096
    disable_loopback: bool = True
    disable_private_ips: bool = True
    allowed_fields: tuple[str, ...] | None = None
    env_prefix: str = "LG_WEBHOOK_"
    headers: Mapping[str, str] = field(default_factory=dict)
    switched_off: bool = False

    def filled(self, environment: Mapping[str, str]) -> WebhookRules:
        """Put variables into the headers. Raises StartupError for what is missing."""
        faults: list[str] = []

        def value(match: re.Match[str]) -> str:
            name = match[1]
            if not name.startswith(self.env_prefix):
                faults.append(f"webhooks.headers: {name} does not begin with {self.env_prefix}")
            elif name not in environment:
                faults.append(f"webhooks.headers: the variable {name} is not set")
            return environment.get(name, "")

        headers = {name: TEMPLATE.sub(value, text) for name, text in self.headers.items()}
        if faults:
            raise StartupError(faults)
        return replace(self, headers=headers)

    def refusal(self, url: str) -> str | None:
        """Say why this URL may not be called, by its text alone; None where it may."""
        if self.switched_off:
            return "webhooks are switched off here (http.disable_webhooks)"
        if len(url) > self.max_url_length:
            return f"it is longer than {self.max_url_length} characters"
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or DEFAULT_PORTS[parts.scheme]
        except (ValueError, KeyError):
            return "it is no absolute http URL"
        if not host:
            return "it has no host"
        if self.require_https and parts.scheme != "https":
            return "https is required"
        if self.allowed_ports and port not in self.allowed_ports:
            return f"port {port} is not allowed"
        if self.allowed_domains and not any(_within(host, one) for one in self.allowed_domains):
            return f"the domain of {host} is not allowed"
        return self._refusal_of_host(host)

    def _refusal_of_host(self, host: str) -> str | None:
        if self.disable_loopback and _within(host, "*.localhost"):
            return f"{host} is a loopback address"
        literal = _literal(host)
        return self.refusal_of_address(literal) if literal else None

    def refusal_of_address(self, text: str) -> str | None:
        """Say why this IP address may not be called; None where it may."""
        address = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
        if address.is_loopback or address.is_unspecified:
            return f"{text} is a loopback address" if self.disable_loopback else None
        outside = address.is_global and not address.is_multicast and not _translated(address)
        return f"{text} is a private address" if self.disable_private_ips and not outside else None


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address.sixtofour or address
    return address


def _translated(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address in NAT64


def _literal(host: str) -> str | None:
    """Return the address that a host is, in any spelling that a resolver takes without asking."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _within(host: str, domain: str) -> bool:
    host, name = host.rstrip(".").lower(), domain.lower().removeprefix("*.")
    return host.endswith(f".{name}") or (host == name)


def read_webhooks(given: Any, fault: Fault) -> WebhookRules:
    """Read the object; what is wrong with it goes to `fault` as (key, what was expected)."""
    if given is None or not _fits(given, KEYS, "webhooks", fault):
        return WebhookRules()
    url = given.get("url")
    if url is not None and not _fits(url, URL_KEYS, "webhooks.url", fault):
        return WebhookRules()
    rules = {key: _frozen(value) for key, value in (url or {}).items()}
    if url is not None:
        rules = {"require_https": True, "max_url_length": 2048, **rules}
    others = {key: _frozen(given[key]) for key in KEYS if key in given and key != "url"}
    return WebhookRules(**rules, **others)


def _fits(given: Any, keys: Mapping[str, type], where: str, fault: Fault) -> bool:
    if not isinstance(given, dict):
        fault(where, f"expected an object, found {given!r}")
        return False
    good = True
    for key, value in given.items():
        if key not in keys:
            fault(f"{where}.{key}", f"unknown; expected one of {', '.join(keys)}")
        elif type(value) is not keys[key] or not _holds_texts(key, value):
            fault(f"{where}.{key}", f"expected {keys[key].__name__}, found {value!r}")
        else:
            continue
        good = False
    return good


def _holds_texts(key: str, value: Any) -> bool:
    kind = int if key == "allowed_ports" else str
    if key == "headers":
        return all(isinstance(one, str) for one in value.values())
    return not isinstance(value, list) or all(isinstance(one, kind) for one in value)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
