"""Precision of floating-point types: what rounding may bring into V, and into times."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

EPSILON: Mapping[str, float] = MappingProxyType(
    {"float64": 2.0**-52, "float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
)
"""Distance from 1 to the next larger number, by floating-point type."""

V_TOLERANCE: Mapping[str, float] = MappingProxyType(
    {"float64": 1e-9, "float32": 2e-5, "float16": 5e-3, "bfloat16": 4e-2}
)
"""Error of V, relative to the largest V, that is put down to rounding in any case: far below what
any wrong constant would give in float64 and float32; a few roundings in the others.
"""

TIME_TOLERANCE_MS: Mapping[str, float] = MappingProxyType(
    {"float64": 1e-6, "float32": 1e-3, "float16": 1.0, "bfloat16": 8.0}
)
"""Largest error of a spike time that claims to be precise, ms."""


def rounding_error(dtype: str, steps: ArrayLike) -> NDArray[np.float64]:
    """Error of V, relative to the largest V, that rounding may bring in over a number of steps.

    A step rounds a product, a sum and, once for all, the decay: half an epsilon each, and they
    may all go one way. What is older than a time constant's worth of steps has decayed.
    """
    return np.maximum(V_TOLERANCE[dtype], 1.5 * EPSILON[dtype] * np.asarray(steps))


def largest_magnitude(dtype: str) -> float:
    """The magnitude beyond which a type has no finite numbers."""
    return 65504.0 if dtype == "float16" else 3e38
