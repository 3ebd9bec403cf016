"""Hold the contract of the server as YAML: every route, schema and error is decided here."""
