"""The contract layer: one OpenAPI document routes, authenticates, decodes and validates."""

import warnings

# Connexion still imports two names that jsonschema deprecates; nothing here ever uses them.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=r"jsonschema\.", category=DeprecationWarning)
    import connexion  # noqa: F401
