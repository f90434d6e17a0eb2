"""Q-format of a neuron in hardware: word, fraction, rounding, overflow, decay or linear leak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bio_scnn.errors import InputError

LONGEST_WORD = 48


@dataclass(frozen=True)
class FixedPointNeuron:
    """Q-format of a neuron in hardware.

    Attributes
    ----------
    word : int, bits
        Width of V, sign included.
    fraction : int, bits
        Bits of the word behind the point.
    rounding : str
        Key of `formats.ROUNDINGS`, or "stochastic".
    overflow : {"saturate", "wrap"}
    decay_bits : int
        Decay as k over two to this power.
    linear_leak : bool
        V moves by a whole number of units towards 0 in place of the decay.
    leak : int, units
        Size of the linear leak in a step; 0 for the mean effect of the decay between reset and
        threshold.
    input_rounding : str
        Key of `formats.ROUNDINGS`: rounding of the weighted input of a step, and of the input
        itself if `input_fraction` is given.
    input_fraction : int or None, bits
        Bits behind the point of the input before it is weighted; 0 if the layer takes whole
        numbers; None if the input is rounded only after weighting.

    Raises
    ------
    InputError
        If no neuron fits the word, or a rounding is unknown.
    """

    word: int = 16
    fraction: int = 8
    rounding: str = "truncate"
    overflow: Literal["saturate", "wrap"] = "saturate"
    decay_bits: int = 12
    linear_leak: bool = False
    leak: int = 0
    input_rounding: str = "nearest"
    input_fraction: int | None = None

    def __post_init__(self) -> None:
        from bio_scnn.crossval.identify.formats import ROUNDINGS  # not to load all for a claim

        if not 2 <= self.word <= LONGEST_WORD:
            raise InputError(f"a word has 2 to {LONGEST_WORD} bits, not {self.word}")
        if not 0 <= self.fraction < self.word:
            raise InputError(f"{self.fraction} fraction bits do not fit a word of {self.word}")
        if self.rounding not in (*ROUNDINGS, "stochastic"):
            raise InputError(f"rounding is one of {', '.join(ROUNDINGS)}, stochastic")
        if self.input_rounding not in ROUNDINGS:
            raise InputError(f"the input's rounding is one of {', '.join(ROUNDINGS)}")
        if self.overflow not in ("saturate", "wrap"):
            raise InputError("overflow is saturate or wrap")
        if not 1 <= self.decay_bits <= 30:
            raise InputError(f"the decay has 1 to 30 bits, not {self.decay_bits}")
        if self.leak < 0 or (self.leak and not self.linear_leak):
            raise InputError("a leak in units goes with linear_leak, and is not below 0")

    def __str__(self) -> str:
        """The format in words."""
        leaks = f"decay k/2^{self.decay_bits} rounded {self.rounding}"
        if self.linear_leak:
            leaks = f"linear leak of {self.leak} units" if self.leak else "linear leak"
        ends = "saturates" if self.overflow == "saturate" else "wraps round"
        taken = "" if self.input_fraction is None else f" to {self.input_fraction} bits"
        return (
            f"V in {self.word} bits, {self.fraction} behind the point, {ends}; {leaks}; input "
            f"rounded{taken} {self.input_rounding}"
        )
