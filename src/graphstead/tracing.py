"""OpenTelemetry, if it is asked for and installed: request, run and webhook spans.

Everything here does nothing, at the price of one comparison, while tracing is off. The place of a
run in a trace travels as the W3C `traceparent` text, through rows from process to process.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from graphstead import __version__

__all__ = [
    "TracedRequests",
    "configure_tracing",
    "context_of",
    "flush",
    "is_on",
    "mark",
    "record",
    "shows_content",
    "span",
    "traceparent",
    "tracer",
]

log = structlog.get_logger("graphstead.tracing")

UNTRACED = frozenset({"/ok", "/metrics"})
ASKED_BY = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_TRACES_EXPORTER",
)
FLUSH_MS = 5_000


class TracingSettings(Protocol):
    """The settings of tracing."""

    @property
    def otel(self) -> bool | None: ...

    @property
    def otel_content(self) -> bool: ...


class _State:
    """The tracer of this process; None while tracing is off."""

    tracer: Any = None
    provider: Any = None
    content = False


def is_on() -> bool:
    """Tell whether spans are made."""
    return _State.tracer is not None


def shows_content() -> bool:
    """Tell whether inputs, outputs and messages may be written into spans."""
    return _State.content


def tracer() -> Any:
    """Return the tracer; only where tracing is on."""
    return _State.tracer


def configure_tracing(settings: TracingSettings) -> None:
    """Switch tracing on where settings or OTEL_* variables ask for it; says so where it cannot.

    A tracer provider that the project has set up itself is used as it is.
    """
    if is_on() or not _is_asked(settings):
        return
    try:
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
    except ImportError:
        log.warning("OpenTelemetry is asked for but not installed: pip install 'graphstead[otel]'")
        return
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = _provider()
        if provider is None:
            return
        trace.set_tracer_provider(provider)
    _State.provider, _State.content = provider, settings.otel_content
    _State.tracer = provider.get_tracer("graphstead", __version__)
    log.info("OpenTelemetry spans are sent", content=settings.otel_content)


def _is_asked(settings: TracingSettings) -> bool:
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if settings.otel is not None:
        return settings.otel
    if os.environ.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return any(os.environ.get(name) for name in ASKED_BY)


def _provider() -> Any:
    """Return a provider that exports in batches; None where there is no way to export."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

    attributes = {"service.version": __version__}
    named = os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not os.environ.get("OTEL_SERVICE_NAME") and "service.name=" not in named:
        attributes["service.name"] = "graphstead"
    provider = TracerProvider(resource=Resource.create(attributes))
    if os.environ.get("OTEL_TRACES_EXPORTER") == "console":
        provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter()))
        return provider
    if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf") != "http/protobuf":
        log.warning("OpenTelemetry spans are sent as http/protobuf; other protocols are not known")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        log.warning("The OTLP exporter is not installed: pip install 'graphstead[otel]'")
        return None
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def flush() -> None:
    """Send what is gathered; at most 5 s."""
    if _State.provider is not None:
        _State.provider.force_flush(FLUSH_MS)


def context_of(parent: str | None) -> Any:
    """Return the context that a `traceparent` names; None where it names none."""
    if not parent:
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": parent})


def traceparent() -> str | None:
    """Return the `traceparent` of the current span."""
    if not is_on():
        return None
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent")


@contextmanager
def span(
    name: str, *, parent: str | None = None, kind: str = "INTERNAL", **attributes: Any
) -> Iterator[None]:
    """Make a span current, below `parent` or else the current one; log lines get its trace."""
    if not is_on():
        yield
        return
    from opentelemetry.trace import SpanKind

    with _State.tracer.start_as_current_span(
        name,
        context=context_of(parent),
        kind=SpanKind[kind],
        attributes=_known(attributes),
        record_exception=False,
    ) as made:
        trace_id = f"{made.get_span_context().trace_id:032x}"
        with structlog.contextvars.bound_contextvars(trace_id=trace_id):
            yield


def mark(**attributes: Any) -> None:
    """Set attributes of the current span; None is left out."""
    if is_on():
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(_known(attributes))


def record(failure: BaseException, made: Any = None) -> None:
    """Note an exception on a span, or on the current one: its class and its frames.

    What it says may hold what users wrote; it is noted only where content may be shown.
    """
    if not is_on():
        return
    from opentelemetry.trace import Status, StatusCode, get_current_span

    made = made or get_current_span()
    event = {
        "exception.type": type(failure).__qualname__,
        "exception.stacktrace": "".join(traceback.format_tb(failure.__traceback__)),
    }
    if shows_content():
        event["exception.message"] = str(failure)
    made.add_event("exception", event)
    made.set_status(Status(StatusCode.ERROR, type(failure).__name__))


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Write attribute names as OpenTelemetry does, with dots for double underscores."""
    return {
        name.replace("__", "."): value for name, value in attributes.items() if value is not None
    }


class TracedRequests:
    """Serve each request in a span of its own, below the one that the client names."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Name the span after method and path template, never after the path that was sent."""
        if scope["type"] != "http" or scope["path"] in UNTRACED:
            await self.app(scope, receive, send)
            return
        method = scope["method"]

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note_answer(scope, message["status"])
            await send(message)

        with span(method, parent=_sent(scope), kind="SERVER", http__request__method=method):
            await self.app(scope, receive, note)


def _sent(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            text: str = value.decode("latin-1")
            return text
    return None


def _note_answer(scope: Scope, status: int) -> None:
    from opentelemetry.trace import Status, StatusCode, get_current_span

    exchange = (scope.get("extensions") or {}).get("contract")
    operation = exchange.operation if exchange else None
    made = get_current_span()
    if operation is not None:
        made.update_name(f"{scope['method']} {operation.path}")
    mark(
        http__route=operation.path if operation else None,
        http__response__status_code=status,
        graphstead__request_id=exchange.request_id if exchange else None,
    )
    if status >= 500:
        made.set_status(Status(StatusCode.ERROR))
