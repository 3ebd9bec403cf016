"""Vectors as they are stored: of length one, as 32-bit floats, so that a product is a cosine."""

from __future__ import annotations

import math
import operator
import sys
from array import array
from collections.abc import Sequence

__all__ = ["packed", "product", "unpacked"]


def packed(vector: Sequence[float]) -> bytes:
    """Return a vector's direction as little-endian 32-bit floats; zeros stay zeros."""
    length = math.hypot(*vector)
    return _swapped(array("f", (one / length for one in vector) if length else vector)).tobytes()


def unpacked(stored: bytes) -> list[float]:
    """Return the numbers of a stored vector."""
    numbers = array("f")
    numbers.frombytes(stored)
    return _swapped(numbers).tolist()


def product(stored: bytes, other: Sequence[float]) -> float | None:
    """Return the cosine of the angle between two vectors, None where their lengths differ."""
    if len(stored) != 4 * len(other):
        return None
    total: float = sum(map(operator.mul, unpacked(stored), other))
    return total


def _swapped(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
