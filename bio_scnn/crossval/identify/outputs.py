"""Spikes and V among the arrays that come out of a layer, and how its spikes are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval.identify.driving import KEPT, Rows
from bio_scnn.errors import InputError

Kind = Literal[
    "plain",
    "boolean",
    "several",
    "scaled",
    "signed",
    "negative",
    "graded",
    "membrane",
    "not finite",
]
_SPIKES = ("spikes", "spike", "spk", "z", "s", "out", "output", "fired")
_V = ("v", "mem", "membrane", "vmem", "v_mem", "potential", "membrane_potential", "u", "voltage")


@dataclass(frozen=True)
class Spikes:
    """Array that holds the spikes.

    Attributes
    ----------
    path : str
        Its place in the answer.
    kind : str
        ``plain`` 0 and 1; ``boolean``; ``several`` whole numbers; ``scaled`` 0 and another value;
        ``signed`` -1 and 1; ``negative`` whole numbers of both signs; ``graded`` any number, often
        0; ``membrane`` any number, hardly 0; ``not finite``.
    value : float
        Of a spike that is ``scaled``.
    """

    path: str
    kind: Kind = "plain"
    value: float = 1.0

    def count(self, values: NDArray) -> NDArray[np.int64]:
        """Spikes in each step, of what came out.

        Raises
        ------
        InputError
            If these are other numbers than those by which the kind was told.
        """
        whole = self.kind in ("plain", "several")
        if self.kind != "not finite" and not np.isfinite(values).all():
            raise InputError("the spikes are not finite (NaN or infinite): they must be 0 or 1")
        if whole and (others := values[values != np.rint(values)]).size:
            raise InputError(f"spikes must be 0 or 1 (found {others[0]:g}): is it V?")
        if self.kind in ("scaled", "graded"):
            return (np.nan_to_num(values) != 0).astype(np.int64)
        if self.kind in ("signed", "negative", "not finite"):
            values = np.maximum(np.nan_to_num(values, posinf=0, neginf=0), 0)
        if self.kind == "membrane":
            return np.zeros(values.shape, dtype=np.int64)
        return np.rint(values).astype(np.int64)


def kind_of(values: NDArray) -> tuple[Kind, float]:
    """Way in which an array writes spikes, and the value of one."""
    if values.dtype.kind == "b":
        return "boolean", 1.0
    if not np.isfinite(values).all():
        return "not finite", 1.0
    found = np.unique(values)
    if (found == np.rint(found)).all():
        if np.array_equal(found, [-1, 1]):
            return "signed", 1.0
        if found[0] < 0:
            return "negative", 1.0
        if len(found) == 2 and found[0] == 0 and found[1] > 1:
            return "scaled", float(found[1])
        return ("plain" if found[-1] <= 1 else "several"), 1.0
    if len(found) <= 2 and (found == 0).any():
        return "scaled", float(found[found != 0][0])
    return ("graded" if (values == 0).mean() > 0.3 else "membrane"), 1.0


def share_fired(values: NDArray) -> float:
    """Share of the steps with a spike; 0 of an array that holds none, NaN if it is not finite."""
    kind, _ = kind_of(values)
    if kind == "not finite":
        return float("nan")
    if kind in ("graded", "membrane"):
        return 0.0
    return (
        float((values > 0).mean())
        if kind in ("signed", "negative")
        else float((values != 0).mean())
    )


def find_spikes(rows: Rows, *, fired: bool = True) -> Spikes | None:
    """Array with the spikes: the first that looks like it, those first that are named so.

    Parameters
    ----------
    rows : mapping of str to array
    fired : bool
        The layer fired; if not, an array of zeros may hold its spikes, whatever others hold.
    """
    own = [path for path in rows if not path.startswith(KEPT)]
    if not own:
        return None
    kinds = {path: kind_of(rows[path]) for path in own}
    order = sorted(own, key=lambda path: _rank(path, _SPIKES))
    # V in whole numbers looks like several spikes: it gives way to what is 0 and 1.
    tiers = (("plain", "boolean"), ("several", "scaled", "signed"), ("negative", "graded"))
    tries = [(tier, silent) for silent in (False, True) for tier in tiers]
    for tier, silent in tries if fired else [(tiers[0], True), *tries]:
        for path in order:
            if kinds[path][0] in tier and (silent or (rows[path] != 0).any()):
                return Spikes(path, *kinds[path])
    return Spikes(own[0], *kinds[own[0]])


def find_V(rows: Rows, spikes: Spikes) -> str | None:
    """Path of the array that is V: the one named so, or else the one that decides the spikes."""
    if spikes.kind == "membrane":
        return spikes.path
    fired = spikes.count(rows[spikes.path]) > 0
    floats = [
        path
        for path, values in rows.items()
        if path != spikes.path
        and values.dtype.kind in "if"
        and np.isfinite(values).all()
        and len(np.unique(values)) > 2
    ]
    named = [path for path in floats if _rank(path, _V) < len(_V)]
    returned = [path for path in floats if not path.startswith(KEPT)]
    deciding = [path for path in floats if _decides(rows[path], fired)]
    for group in (set(named) & set(returned), set(deciding) & set(returned), named, deciding):
        found = [path for path in floats if path in group]
        if found:
            return min(found, key=lambda path: _rank(path, _V))
    return returned[-1] if returned else None


def _rank(path: str, names: tuple[str, ...]) -> int:
    last = path.rpartition(".")[2].casefold()
    return names.index(last) if last in names else len(names)


def _decides(values: NDArray, fired: NDArray[np.bool_]) -> bool:
    """V is above a threshold at all spikes and nowhere else, or has one value after each."""
    if not fired.any() or fired.all():
        return False
    at, other = values[fired], values[~fired]
    return bool(at.min() >= other.max() or np.ptp(at) == 0)
