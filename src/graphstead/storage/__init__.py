"""Rows, transactions and doorbells; knows neither HTTP nor LangGraph."""
