"""Has vectors compared by pgvector where the database has that extension.

Vectors stay arrays of numbers; only the function that compares two of them becomes another one, so
the extension may come at any time, and the next start finds it. The function depends on it: without
`cascade` the extension cannot be dropped meanwhile.
"""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

__all__ = ["compare_by_extension"]

# The extension's schema, where the function is ours to change and goes without it so far.
FOUND = """
select nspname from pg_extension join pg_namespace on pg_namespace.oid = extnamespace, pg_proc
where extname = 'vector' and pg_proc.oid = to_regprocedure('vector_product(real[], real[])')
    and pg_has_role(proowner, 'usage')
    and pg_get_function_sqlbody(pg_proc.oid) not like '%<#>%'
"""
# <#> is the negative inner product; it raises where the numbers of dimensions differ.
PRODUCT = """
create or replace function vector_product(one real[], other real[]) returns double precision
    language sql immutable parallel safe
    return case when cardinality(one) = cardinality(other) then
        -(cast(one as {vector}) operator({place}.<#>) cast(other as {vector})) end
"""


def compare_by_extension(connection: psycopg.Connection[Any]) -> None:
    """Let `vector_product` be computed by pgvector from now on, where it is there."""
    found = connection.execute(FOUND).fetchone()
    if found is not None:
        place = sql.Identifier(found[0])
        vector = sql.SQL(".").join([place, sql.Identifier("vector")])
        connection.execute(sql.SQL(PRODUCT).format(place=place, vector=vector))
