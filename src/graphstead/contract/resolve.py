"""Find the handler of every operation: the tag names the module, the operationId the function.

``HandlerResolver.check`` reports whatever contract and handlers disagree about, all at once, so
that a server with a fault never binds its port.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NoReturn

from connexion.resolver import Resolution, Resolver

from graphstead.contract.compile import Contract, Operation
from graphstead.problems import NotImplementedYet

__all__ = ["INJECTED", "SERVED_HERE", "HandlerResolver", "module_name"]

INJECTED = frozenset(
    {"asked", "body", "caller", "disconnected", "engine", "pages", "request_id", "socket"}
)
SERVED_HERE = frozenset(
    {
        "/docs",
        "/docs/{tag}/{page}",
        "/llms-full.txt",
        "/llms.txt",
        "/openapi.json",
        "/skills/{skill}",
        "/skills/{skill}/{file}",
        "/skills/{skill}/{folder}/{file}",
    }
)


def module_name(tag: str) -> str:
    """Return the handler module of a tag: ``Thread Runs`` lives in ``thread_runs``."""
    return "_".join(tag.lower().split())


class HandlerResolver(Resolver):  # type: ignore[misc]
    """Connexion's resolver over the modules of one handler package."""

    def __init__(self, contract: Contract, package: str = "graphstead.handlers") -> None:
        super().__init__()
        self.contract = contract
        self.package = package
        self._modules: dict[str, ModuleType | None] = {}

    def resolve(self, operation: Any) -> Resolution:
        """Return the function of an operation. Idempotent: Connexion asks once per layer."""
        operation_id: str = operation.operation_id
        compiled = self.contract.operations[operation_id]
        return Resolution(self.function(compiled), operation_id)

    def function(self, operation: Operation) -> Callable[..., Any]:
        """Return the handler, or a stand-in for operations that have none."""
        if operation.planned or operation.path in SERVED_HERE:
            return _stand_in(operation.operation_id)
        found = getattr(self.module(operation.tag), operation.operation_id, None)
        return found or _stand_in(operation.operation_id)

    def module(self, tag: str) -> ModuleType | None:
        """Import the module of a tag; None when there is no such file."""
        name = f"{self.package}.{module_name(tag)}"
        if name not in self._modules:
            self._modules[name] = _import(name)
        return self._modules[name]

    def check(self) -> list[str]:
        """Return every disagreement between contract and handlers, one sentence each."""
        faults: list[str] = []
        for operation in self.contract.operations.values():
            if not operation.planned and operation.path not in SERVED_HERE:
                faults.extend(self._check_operation(operation))
        for tag in sorted({operation.tag for operation in self.contract.operations.values()}):
            faults.extend(self._orphans(tag))
        faults.extend(self._stray_modules())
        return faults

    def _check_operation(self, operation: Operation) -> Iterator[str]:
        where = f"{module_name(operation.tag)}.{operation.operation_id}"
        module = self.module(operation.tag)
        if module is None:
            yield f"{where}: there is no handler module {module_name(operation.tag)!r}"
            return
        handler = getattr(module, operation.operation_id, None)
        if handler is None:
            yield f"{where}: the module has no such function"
        elif not inspect.iscoroutinefunction(handler):
            yield f"{where}: a handler must be async"
        else:
            yield from _check_signature(where, handler, operation)

    def _orphans(self, tag: str) -> Iterator[str]:
        module = self.module(tag)
        if module is None:
            return
        served = {
            operation.operation_id
            for operation in self.contract.operations.values()
            if operation.tag == tag and not operation.planned
        }
        for name, value in vars(module).items():
            own = inspect.iscoroutinefunction(value) and value.__module__ == module.__name__
            if own and not name.startswith("_") and name not in served:
                yield f"{module_name(tag)}.{name}: no operation of the contract calls this handler"

    def _stray_modules(self) -> Iterator[str]:
        known = {module_name(op.tag) for op in self.contract.operations.values()}
        package = _import(self.package)
        for found in pkgutil.iter_modules(package.__path__ if package else []):
            if not found.name.startswith("_") and found.name not in known:
                yield f"{found.name}: no tag of the contract has this handler module"


def _import(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return None
        raise


def _check_signature(
    where: str, handler: Callable[..., Any], operation: Operation
) -> Iterator[str]:
    known = {parameter.argument for parameter in operation.parameters} | INJECTED
    if operation.body is None:
        known -= {"body"}
    if operation.websocket is None:
        known -= {"socket"}
    taken = inspect.signature(handler).parameters
    for name, parameter in taken.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            yield f"{where}: argument {name!r} must be keyword-only"
        elif name not in known:
            yield f"{where}: argument {name!r} is not in the contract"
    for name in _required(operation):
        if name not in taken:
            yield f"{where}: the required parameter {name!r} is not taken"


def _required(operation: Operation) -> Iterator[str]:
    yield from (p.argument for p in operation.parameters if p.required)
    if operation.body is not None and operation.body.required:
        yield "body"


def _stand_in(operation_id: str) -> Callable[..., Any]:
    async def planned() -> NoReturn:
        raise NotImplementedYet(
            f"The operation {operation_id} is part of the contract, "
            "but this version of the server does not support it yet"
        )

    return planned
