"""What `graphstead db reseal` does, and says while it does it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from graphstead.ciphers import keys_of
from graphstead.databases import open_clear
from graphstead.engine.clock import wire_time
from graphstead.problems import StartupError
from graphstead.settings import Settings
from graphstead.storage.errors import StorageError
from graphstead.storage.resealing import Keyring
from graphstead.storage.rotation import Rotation, Walk
from graphstead.storage.rows import SealRow
from graphstead.storage.sealing_start import check_keys

__all__ = ["Told", "counted", "progress", "resealed", "rotating"]

# Called with a table and the walk so far, behind each page.
Told = Callable[[str, Walk], None]

TOLD_EACH_S = 2.0


@contextmanager
def rotating(settings: Settings, told: Told) -> Iterator[Rotation]:
    """Open the database with its keys; `told` hears how far a walk is.

    Raises StartupError where a key is missing, or the database cannot be used.
    """
    writer, readers = keys_of(settings)
    if writer is None:
        raise StartupError(["LANGGRAPH_AES_KEY is not set: there is no key to encrypt with"])
    storage = open_clear(settings)
    try:
        known = check_keys(storage, (writer, *readers))
        if writer.name not in known:
            row = SealRow(writer.name, writer.proof(), wire_time())
            storage.write_blocking(lambda tx: tx.sealing.add(row))
        ring = Keyring(writer, {one.name: one for one in (writer, *readers)})
        yield Rotation(storage, ring, told)
    except StorageError as fault:
        name = settings.database_name
        raise StartupError([f"The database {name} cannot be used: {fault}"]) from fault
    finally:
        storage.close()


def counted(rotation: Rotation) -> bool:
    """Print how many values are under old keys; tell whether there are none."""
    walk = rotation.count()
    return not (_tell_left(walk) | _tell_streams(rotation))


def resealed(rotation: Rotation) -> bool:
    """Renew everything and let the old keys be forgotten; tell whether they are not needed."""
    renewed, walk = rotation.renew()
    click.echo(f"{renewed} values were put under the key {rotation.key_name}.")
    if _tell_left(walk) | _tell_streams(rotation):
        return False
    if walk.renewed:
        click.echo(
            "Servers still write under an older key: start them anew with the one in "
            "LANGGRAPH_AES_KEY, then call this again."
        )
        return False
    needed = rotation.retire()
    for name in needed:
        click.echo(
            f"A server still encrypts with the key {name}: start it anew with the one in "
            "LANGGRAPH_AES_KEY, then call this again."
        )
    if not needed:
        click.echo("No value is under an older key: it may be dropped from every server.")
    return not needed


def _tell_left(walk: Walk) -> bool:
    """Print what is under old keys; tell whether something is."""
    for fault in walk.faults:
        click.echo(fault, err=True)
    if not walk.left:
        return False
    by_key = ", ".join(f"{number} under {name}" for name, number in sorted(walk.old.items()))
    click.echo(f"{walk.left} values are not under the key in LANGGRAPH_AES_KEY: {by_key}.")
    return True


def _tell_streams(rotation: Rotation) -> bool:
    """Print what Redis holds under old keys; tell whether it does."""
    found = rotation.streams()
    for name, number in sorted(found.items()):
        click.echo(
            f"{number} runs have events in Redis under {name}: they go some minutes after the "
            "runs end, call this again then."
        )
    return bool(found)


def progress() -> Told:
    """Return what prints how far a walk is, at most every two seconds."""
    said_s = time.monotonic()

    def told(table: str, walk: Walk) -> None:
        nonlocal said_s
        if time.monotonic() - said_s < TOLD_EACH_S:
            return
        said_s = time.monotonic()
        click.echo(f"{table}: {walk.rows} rows seen, {walk.renewed} values renewed", err=True)
        sys.stderr.flush()

    return told
