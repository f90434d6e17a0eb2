"""Options of the neurons: engine, readout, time and noise, and the quality that sets them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.runtime.config import shown

ENGINES = ("brian2", "closed-form")
READOUTS = ("isi", "count")

Quality = Literal["fast", "default", "best"]
QUALITIES: tuple[Quality, ...] = ("fast", "default", "best")


@dataclass(frozen=True)
class SpikingOptions:
    """Options of the spiking layer: how its neurons are run and read.

    Attributes
    ----------
    engine : {'brian2', 'closed-form'}
        Simulate every spike, or evaluate the closed form of a noiseless neuron.
    readout : {'isi', 'count'}
        Rate from the mean interval between spikes, or from their number.
    duration_ms : float, optional
        Biological time; by default 100 ms for `count`, and 20 ms for `isi`, as the second spike
        comes at 19 ms at 100 Hz, or 25 ms with current noise, which may delay it.
    dt_ms : float, optional
        Simulation step; by default that of `step_ms`. Spike times are exact at any step; noise is
        held for one.
    current_noise : float
        Standard deviation of the coloured current noise.
    feature_noise : float
        Standard deviation of the static noise on the features; the paper trains with 0.1.
    """

    engine: Literal["brian2", "closed-form"] = "brian2"
    readout: Literal["isi", "count"] = "isi"
    duration_ms: float | None = None
    dt_ms: float | None = None
    current_noise: float = 0.0
    feature_noise: float = 0.0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("engine", self.engine, ENGINES),
            ("readout", self.readout, READOUTS),
        ):
            if not isinstance(value, str) or value not in known:
                raise InputError(
                    f"{name} {shown(value)} is unknown; choose from {', '.join(known)}"
                )
        for name in ("current_noise", "feature_noise"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"{name} is {value}; it must be a number of at least 0")
        times = {"duration": self.simulated_ms, "dt_ms": self.dt_ms}
        for what, time in times.items():
            if time is not None and not (np.isfinite(time) and time > 0):
                raise InputError(f"{what} is {time:g} ms; it must be greater than 0")
        if self.engine == "closed-form" and self.current_noise:
            raise InputError(
                "the closed-form engine knows no current noise; use the engine 'brian2'"
            )

    @property
    def simulated_ms(self) -> float:
        """The duration asked for, or the readout's default."""
        if self.duration_ms is not None:
            return self.duration_ms
        if self.readout == "count":
            return 100.0
        return 25.0 if self.current_noise else 20.0

    def step_ms(self, lif: LIFParameters) -> float:
        """The step asked for; otherwise 1 ms with noise, and the longest exact step without.

        That is no longer than the shortest interval between spikes, and the duration is a whole
        number of it.
        """
        if self.dt_ms is not None:
            return self.dt_ms
        longest = 1000 / lif.rate_max_hz
        if self.current_noise or longest <= lif.t_ref_ms:
            return 1.0
        return self.simulated_ms / math.ceil(self.simulated_ms / longest - 1e-9)


CLOSED_FORM = SpikingOptions(engine="closed-form")
"""Exact rates without simulation or noise: how training runs the neurons."""


def spiking_options(
    quality: Quality = "default",
    engine: Literal["brian2", "closed-form"] | None = None,
    **others: Any,
) -> SpikingOptions:
    """Options of the neurons for a quality; neurons are simulated unless a choice excludes it.

    Parameters
    ----------
    quality : {'fast', 'default', 'best'}
    engine : {'brian2', 'closed-form'}, optional
        The engine that the user chose, if any.
    **others
        Further fields of `SpikingOptions`.

    Raises
    ------
    InputError
        If the quality is unknown, or 'fast' together with what only a simulation can give.
    """
    check_quality(quality, engine)
    if quality == "fast":
        if others.get("current_noise"):
            raise InputError(
                "quality 'fast' simulates nothing, so it knows no current noise; use 'default'"
            )
        engine = "closed-form"
    return SpikingOptions(engine=engine or "brian2", **others)


def check_quality(quality: str, engine: str | None) -> None:
    """Refuse an unknown quality, and one that does not go with the engine asked for."""
    _check_word("quality", quality, QUALITIES)
    if engine is not None:
        _check_word("engine", engine, ENGINES)
    if quality == "fast" and engine == "brian2":
        raise InputError(
            "quality 'fast' simulates nothing, engine 'brian2' every spike; ask for one of them"
        )


def _check_word(name: str, value: object, known: Sequence[str]) -> None:
    if not isinstance(value, str) or value not in known:
        raise InputError(f"{name} {shown(value)} is unknown; choose from {', '.join(known)}")
