"""What the rows of each topic look like in tables, for every SQL dialect alike.

A class here implements a Protocol of `storage.base` over the named queries of `storage/sql`; where
a database needs another way, its own package derives from it.
"""
