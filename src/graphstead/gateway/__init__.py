"""A validating reverse proxy in front of any Agent Server.

Requests and answers are held against the contract on their way through, and who may call, and how
often, is decided here. Knows the contract and HTTP; of the engine its keys alone.
"""
