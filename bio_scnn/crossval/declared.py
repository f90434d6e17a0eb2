"""Declared neuron of a layer of one's own: from the command line, or from pyproject.toml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bio_scnn.crossval.protocol import Capabilities
from bio_scnn.crossval.q_format import FixedPointNeuron
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.runtime.config import read_toml, shown

KEYS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "tau": ((int, float), "time constant, ms"),
    "decay": ((int, float), "factor of V in a step, in place of tau"),
    "R": ((int, float), "resistance"),
    "gain": ((int, float), "weight of the input in a step, in place of R (with decay: 1)"),
    "threshold": ((int, float), "V_th"),
    "rest": ((int, float), "V_rest, the potential without input"),
    "reset-to": ((int, float), "V_reset; V_rest if only that is declared"),
    "t-ref": ((int, float), "refractory period, ms"),
    "reset": (str, "value or subtract"),
    "integrator": (str, "exact, forward Euler, backward Euler or Crank-Nicolson"),
    "above": (bool, "the layer fires at V > threshold, not at V >= threshold"),
    "word": (int, "fixed point: width of V in bits, sign included (16)"),
    "fraction": (int, "fixed point: bits of V behind the point (8)"),
    "decay-bits": (int, "fixed point: decay as k/2^M (12)"),
    "rounding": (str, "fixed point: truncate, floor, nearest, stochastic, ... (truncate)"),
    "overflow": (str, "fixed point: saturate or wrap (saturate)"),
    "leak": (int, "fixed point: linear leak of so many units a step, in place of the decay"),
    "input-rounding": (str, "fixed point: rounding of the weighted input (nearest)"),
    "input-fraction": (int, "fixed point: bits behind the point of the input itself"),
}
"""Names of what can be declared, with their types and meanings."""


_FORMAT = tuple(key for key, (_, meaning) in KEYS.items() if meaning.startswith("fixed point"))

_LARGEST = 2**63  # of whole numbers, which a float holds

_RIVALS = (("tau", "decay"), ("R", "gain"))
"""Pairs of which only one can be declared."""


def from_pyproject(folder: Path) -> dict[str, Any]:
    """Table ``[tool.bio_scnn.validate]`` of the pyproject.toml of a folder; empty without.

    Raises
    ------
    InputError
        If the file cannot be read, or the table has a key or a value that means nothing.
    """
    path = folder / "pyproject.toml"
    found: Any = read_toml(path) if path.is_file() else {}
    for key in ("tool", "bio_scnn", "validate"):
        found = found.get(key, {})
        if not isinstance(found, dict):
            raise InputError(f"{path}: {key} (={shown(found)}) must be a table")
    for key, value in found.items():
        kind, meaning = KEYS.get(key, ((), ""))
        if not meaning:
            raise InputError(
                f"{path}: [tool.bio_scnn.validate] has {shown(key)}; known are {', '.join(KEYS)}"
            )
        if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
            where = f"{path}: [tool.bio_scnn.validate] {key}"
            raise InputError(f"{where} (={shown(value)}): {meaning}")
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise InputError(
                f"{path}: [tool.bio_scnn.validate] {key} (={shown(value)}) is too large"
            )
    return dict(found)


def overridden(table: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Declaration of the file, but for what the command line says otherwise."""
    rivals = {other for pair in _RIVALS for key in pair if key in said for other in pair}
    return {key: value for key, value in table.items() if key not in rivals} | dict(said)


def declared(table: Mapping[str, Any], dt_ms: float) -> tuple[LIFParameters, Capabilities]:
    """Neuron and claims of a layer from what is declared of it; the rest is Table 1's.

    Parameters
    ----------
    table : mapping
        Keys of `KEYS`, at least one.
    dt_ms : float, ms

    Raises
    ------
    InputError
        If two keys contradict one another, or a value cannot be used.
    """
    for one, other in _RIVALS:
        if one in table and other in table:
            raise InputError(f"{one} and {other} say the same: declare one of them")
    reset = table.get("reset", "value")
    values: dict[str, Any] = {
        "V_th": table.get("threshold", TABLE_1.V_th),
        "V_rest": table.get("rest", TABLE_1.V_rest),
        "V_reset": table.get("reset-to", table.get("rest", TABLE_1.V_reset)),
        "t_ref_ms": table.get("t-ref", 0.0 if "decay" in table else TABLE_1.t_ref_ms),
        "reset": reset,
    }
    if values["t_ref_ms"] * TABLE_1.rate_max_hz >= 500:  # Table 1's rates are out of reach
        band = 1 / values["t_ref_ms"]
        values |= {"rate_min_hz": 100 * band, "rate_max_hz": 500 * band}
    if "gain" in table and "decay" not in table:
        raise InputError("gain goes with decay: declare R, or decay and gain")
    if "decay" in table:
        decay = table["decay"]
        gain = table.get("gain", table["R"] * (1 - decay) if "R" in table else 1.0)
        params = LIFParameters.from_decay(decay, dt_ms, gain=gain, **values)
    else:
        tau = table.get("tau", TABLE_1.tau_ms)
        params = LIFParameters(tau_ms=tau, R=table.get("R", TABLE_1.R), **values)
    claims = Capabilities(
        refractory="steps" if params.t_ref_ms else "none",
        reset=reset,
        integrator=table.get("integrator", "exact"),
        fires_at_threshold=not table.get("above", False),
        membrane="none",
        fixed_point=declared_format(table),
    )
    return params, claims


def declared_format(table: Mapping[str, Any]) -> FixedPointNeuron | None:
    """Q-format that is declared; None without a key of one.

    Raises
    ------
    InputError
        If no neuron has it.
    """
    said = {key.replace("-", "_"): table[key] for key in _FORMAT if key in table}
    return FixedPointNeuron(**said, linear_leak="leak" in said) if said else None
