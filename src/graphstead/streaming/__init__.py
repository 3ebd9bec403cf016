"""Delivering a run's events: the durable log, its followers, and their SSE form."""
