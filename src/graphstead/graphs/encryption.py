"""The object that `encryption.path` of langgraph.json points at, checked before it is used."""

from __future__ import annotations

from langgraph_sdk.encryption import Encryption

from graphstead.graphs.config import Project
from graphstead.graphs.importing import Importer, ImportFault
from graphstead.problems import StartupError

__all__ = ["has_blobs", "has_json", "load_encryption"]


def load_encryption(project: Project, *, has_key: bool) -> Encryption | None:
    """Return the project's encryption, None where it has none.

    `has_key`: there is a built-in cipher for what its handlers leave out. Raises StartupError with
    every handler that is missing.
    """
    source = project.encryption
    if source is None:
        return None
    importer = Importer(project.root, project.import_paths)
    importer.extend_sys_path()
    where = f"encryption.path ({source.path})"
    try:
        found = importer.load(source)
    except ImportFault as fault:
        raise StartupError([f"{where} cannot be loaded: {fault}"]) from fault
    if not isinstance(found, Encryption):
        kind = type(found).__name__
        raise StartupError([f"{where}: expected a langgraph_sdk Encryption, found {kind}"])
    if faults := _missing(found, has_key):
        raise StartupError([f"{where}: {fault}" for fault in faults])
    return found


def has_blobs(encryption: Encryption) -> bool:
    """Tell whether handlers encrypt bytes."""
    return encryption._blob_encryptor is not None


def has_json(encryption: Encryption) -> bool:
    """Tell whether handlers encrypt JSON."""
    return encryption.get_json_encryptor() is not None


def _missing(encryption: Encryption, has_key: bool) -> list[str]:
    pairs = {
        "blob": (encryption._blob_encryptor, encryption._blob_decryptor),
        "json": (encryption.get_json_encryptor(), encryption.get_json_decryptor()),
    }
    faults = []
    for kind, (encrypt, decrypt) in pairs.items():
        if encrypt is None and decrypt is None and not has_key:
            faults.append(
                f"encrypt.{kind} and decrypt.{kind} are missing, so such data would be stored in "
                "clear; add them, or set LANGGRAPH_AES_KEY for what they leave out"
            )
        elif encrypt is None and decrypt is not None and not has_key:
            faults.append(f"encrypt.{kind} is missing")
        elif encrypt is not None and decrypt is None:
            faults.append(f"decrypt.{kind} is missing: nothing could be read back")
    return faults
