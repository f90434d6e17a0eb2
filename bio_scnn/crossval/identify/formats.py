"""Number formats: how the hardware or the framework behind a neuron rounds and bounds V."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError

Values = NDArray[np.float64]
FloatName = Literal["float64", "float32", "float16", "bfloat16"]
Overflow = Literal["saturate", "wrap"]
OVERFLOWS: tuple[Overflow, ...] = ("saturate", "wrap")


def _away(x: Values) -> Values:
    return np.copysign(np.ceil(np.abs(x)), x)


def _half_away(x: Values) -> Values:
    return np.copysign(np.floor(np.abs(x) + 0.5), x)


ROUNDINGS: MappingProxyType[str, Callable[[Values], Values]] = MappingProxyType(
    {
        "truncate": np.trunc,
        "floor": np.floor,
        "ceil": np.ceil,
        "away": _away,
        "nearest": lambda x: np.floor(x + 0.5),
        "nearest-even": np.rint,
        "half-away": _half_away,
    }
)
"""Rounding to a whole number: towards zero, down, up, away from zero; to the nearest, halves up,
to even, or away from zero."""


_PLACES = 8
"""Decimals of a product in units: below them is the rounding of float64, not of the format."""


@dataclass(frozen=True)
class FixedPoint:
    """Fixed-point format: V is a whole multiple of `unit`, in a word of so many bits.

    Attributes
    ----------
    unit : float
        V of one least significant bit, in the unit in which V is seen; 1 for integers.
    rounding : str
        Key of `ROUNDINGS`, or "stochastic": what becomes of the product of decay and V.
    word : int or None, bits
        Width of V, sign included; None if it was never reached.
    overflow : {"saturate", "wrap"}
        What becomes of V outside the word.
    input_rounding : str
        Key of `ROUNDINGS`: what becomes of the product of gain and input.
    dead_zone : bool
        Small V that rounding leaves as they are stay; if not, they move by one unit towards 0.
    signed : bool
        The word has a sign: it holds ``-2**(word - 1)`` to ``2**(word - 1) - 1``; if not, 0 to
        ``2**word - 1``.
    shifts : tuple of (int, int)
        Where V decays by shifts, each rounded by itself: (1, 0) and (-1, 4) are ``V - (V >> 4)``.
        The decay is their sum.
    joint : bool
        ``decay V + gain x`` is rounded as a whole, not either product by itself.
    synapse_rounding : str
        Key of `ROUNDINGS`: what becomes of the product of a synapse's decay and its current, which
        is in the unit of V then.
    synapse_dead_zone : bool
        As `dead_zone`, for the current.
    input_unit : float
        The input itself is rounded to whole multiples of this, before anything else, by
        `input_rounding`; 0 if only its product is rounded.
    taken_rounding : str
        Key of `ROUNDINGS`, by which the input itself is; `input_rounding` if it is empty.
    decay_bits : int
        Decay as k over two to this power, where the circuit of the product matters.
    product_word : int or None, bits
        The product k V wraps round at this width before it is shifted.
    dropped : int, bits
        Lowest bits of V that are dropped before it is multiplied.
    logical : int or None, bits
        The product is shifted in a register of this width as if it had no sign.
    """

    unit: float = 1.0
    rounding: str = "truncate"
    word: int | None = None
    overflow: Overflow = "saturate"
    input_rounding: str = "truncate"
    dead_zone: bool = True
    signed: bool = True
    shifts: tuple[tuple[int, int], ...] = ()
    joint: bool = False
    synapse_rounding: str = "truncate"
    synapse_dead_zone: bool = True
    input_unit: float = 0.0
    taken_rounding: str = ""
    decay_bits: int = 0
    product_word: int | None = None
    dropped: int = 0
    logical: int | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """Smallest and largest V that the word holds."""
        if self.word is None:
            return -np.inf, np.inf
        low = -(2.0 ** (self.word - 1)) if self.signed else 0.0
        return low * self.unit, (low + 2.0**self.word - 1) * self.unit

    @property
    def of_synapse(self) -> FixedPoint:
        """Format in which a synaptic current decays."""
        return FixedPoint(self.unit, self.synapse_rounding, dead_zone=self.synapse_dead_zone)

    def decayed(
        self, decay: float | Values, V: Values, rng: np.random.Generator | None = None
    ) -> Values:
        """Product of decay and V, rounded to the format; stochastic rounding draws from `rng`."""
        if self.dropped:
            step = self.unit * 2.0**self.dropped
            V = np.floor(V / step) * step
        if self.product_word or self.logical:
            return self._by_circuit(decay, V)
        if self.shifts:
            parts = (many * self.product(V / 2.0**by, rng) for many, by in self.shifts)
            return np.sum(list(parts), axis=0)
        new = self.product(decay * V, rng)
        if self.dead_zone:
            return new
        stays = np.abs(new - V) < self.unit / 2
        return np.where(stays & (np.abs(V) > self.unit / 2), V - np.sign(V) * self.unit, new)

    def _by_circuit(self, decay: float | Values, V: Values) -> Values:
        """Product as a circuit forms it: in a word of its own, then shifted."""
        whole = decay * 2.0**self.decay_bits * (V / self.unit)
        if self.product_word:
            half = 2.0 ** (self.product_word - 1)
            whole = np.mod(whole + half, 2 * half) - half
        if self.logical:
            whole = np.mod(whole, 2.0**self.logical)
        return ROUNDINGS[self.rounding](whole / 2.0**self.decay_bits) * self.unit

    def product(self, x: Values, rng: np.random.Generator | None = None) -> Values:
        """Product of decay and V, rounded to the format."""
        if self.unit == 1 and self.rounding in ROUNDINGS:
            return ROUNDINGS[self.rounding](x)
        whole = self._in_units(x)
        if self.rounding == "stochastic":
            if rng is None:
                raise InputError("stochastic rounding needs a random generator: rng=...")
            return np.floor(whole + rng.random(np.shape(whole))) * self.unit
        return ROUNDINGS[self.rounding](whole) * self.unit

    def _in_units(self, x: Values) -> Values:
        return x if self.unit == 1 else np.round(x / self.unit, _PLACES)

    def taken(self, x: Values) -> Values:
        """Input as the neuron takes it: rounded if it has a unit of its own."""
        if not self.input_unit:
            return x
        rounded = ROUNDINGS[self.taken_rounding or self.input_rounding]
        return rounded(x / self.input_unit) * self.input_unit

    def drive(self, x: Values) -> Values:
        """Product of gain and input, rounded to the format, unless it is rounded with V."""
        if self.joint:
            return x
        return ROUNDINGS[self.input_rounding](self._in_units(x)) * self.unit

    def total(self, x: Values) -> Values:
        """Sum, bounded by the word."""
        if self.word is None:
            return x
        low, high = self.bounds
        if self.overflow == "saturate":
            return np.clip(x, low, high)
        return np.mod(x - low, 2.0**self.word * self.unit) + low


@dataclass(frozen=True)
class FloatingPoint:
    """Floating-point format: every result of an operation is rounded to so many bits.

    Attributes
    ----------
    name : {"float64", "float32", "float16", "bfloat16"}
    """

    name: FloatName = "float64"

    def product(self, x: Values) -> Values:
        """Product, rounded to the format."""
        if self.name == "float64":
            return x
        if self.name == "bfloat16":
            return _bfloat16(x)
        with np.errstate(over="ignore"):
            return np.asarray(x).astype(self.name).astype(np.float64)

    drive = product
    total = product

    def decayed(
        self, decay: float | Values, V: Values, rng: np.random.Generator | None = None
    ) -> Values:
        """Product of decay and V, rounded to the format."""
        return self.product(decay * V)


def _bfloat16(x: Values) -> Values:
    """Numbers rounded, half to even, to the upper sixteen bits of float32."""
    bits = np.asarray(x, dtype=np.float32).view(np.uint32).astype(np.uint64)
    bits += 0x7FFF + ((bits >> 16) & 1)
    kept = (bits & 0xFFFF0000).astype(np.uint32).view(np.float32)
    return np.where(np.isfinite(x), kept, x).astype(np.float64)


NumberFormat = FixedPoint | FloatingPoint
FLOAT64 = FloatingPoint()


def bits_of(decay: float, most: int = 30) -> int | None:
    """Least m for which a decay is k over two to the power of m; None if it is none."""
    for bits in range(most + 1):
        if decay * 2.0**bits == np.rint(decay * 2.0**bits):
            return bits
    return None


def rounded_to(meant: float, decay: float, fewest: int = 5) -> int | None:
    """Bits to which a decay was rounded, up or down; None if it is the one meant, or another.

    Parameters
    ----------
    meant, decay : float
    fewest : int
        A decay that is farther off than this many bits allow is another one.
    """
    bits = bits_of(decay, 24)
    if bits is None or not 0 < decay < 1 or abs(decay - meant) <= 1e-9:
        return None
    return bits if abs(decay - meant) < 2.0 ** -max(bits, fewest) else None


def read_as_rounded(meant: float, decay: float) -> int | None:
    """Bits to which a decay, read to some digits, was rounded: five to twelve; None if not so."""
    whole = round(decay * 4096)
    bits = rounded_to(meant, whole / 4096)
    return bits if bits and bits >= 5 and abs(decay * 4096 - whole) < 1e-4 else None
