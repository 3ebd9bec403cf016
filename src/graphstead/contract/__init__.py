"""The contract layer: one OpenAPI document routes, authenticates, decodes and validates."""
