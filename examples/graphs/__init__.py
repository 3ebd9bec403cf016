"""Graphs that need no model key: to try the server with, and to test it with."""
