"""An Agent Server whose routes, checks and docs all come from one OpenAPI document."""

__version__ = "0.1.0"
