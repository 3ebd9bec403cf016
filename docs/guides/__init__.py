"""Guides, written by hand; a package so that the server can show them."""
