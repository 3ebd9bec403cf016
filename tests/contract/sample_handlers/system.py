"""Handlers of the tag System."""


async def health_ok() -> dict[str, bool]:
    """Answer that all is well."""
    return {"ok": True}
