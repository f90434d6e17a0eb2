"""Families of neurons that can be checked, by name and by their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

from bio_scnn.errors import InputError
from bio_scnn.neuron.models import (
    AdaptiveLIFParameters,
    CubaLIFParameters,
    IFParameters,
    LIParameters,
    NeuronParameters,
)
from bio_scnn.neuron.parameters import LIFParameters

FAMILIES: Mapping[str, type] = MappingProxyType(
    {
        "LIF": LIFParameters,
        "IF": IFParameters,
        "LI": LIParameters,
        "CubaLIF": CubaLIFParameters,
        "adaptive LIF": AdaptiveLIFParameters,
    }
)
"""Families of neurons by name, with the class of their parameters, which holds the equation."""


def family_of(params: Any) -> str:
    """Name of the family that parameters belong to.

    Raises
    ------
    InputError
        If they are those of no neuron.
    """
    for name, kind in FAMILIES.items():
        if isinstance(params, kind):
            return name
    *others, last = (kind.__name__ for kind in FAMILIES.values())
    raise InputError(f"params (={params!r}) must be {', '.join(others)} or {last}")


def without_refractory(params: NeuronParameters) -> NeuronParameters:
    """The same neuron without a refractory period."""
    if any(field.name == "t_ref_ms" for field in fields(params)):
        none: dict[str, Any] = {"t_ref_ms": 0.0}
        return replace(params, **none)
    return params
