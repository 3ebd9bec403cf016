"""Handlers of the sample contract."""
