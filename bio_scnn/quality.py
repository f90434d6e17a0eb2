"""How much is done to restore a picture: nothing simulated, every spike, or that eight times."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.model import SpikingOptions

Quality = Literal["fast", "default", "best"]
QUALITIES: tuple[Quality, ...] = ("fast", "default", "best")


class Orientation(NamedTuple):
    """A symmetry of the grid of pixels: quarter turns, and whether a reflection follows."""

    quarter_turns: int = 0
    mirrored: bool = False

    def view(self, image: NDArray) -> NDArray:
        """Turn an image ``(H, W, ...)``. Being a view, what is written to it is turned back."""
        rotated = np.rot90(image, self.quarter_turns)
        return rotated[:, ::-1] if self.mirrored else rotated


def orientations(quality: Quality) -> list[Orientation]:
    """The orientations that are restored and averaged, the picture's own first."""
    if quality != "best":
        return [Orientation()]
    return [Orientation(turns, mirrored) for mirrored in (False, True) for turns in range(4)]


def spiking_options(
    quality: Quality = "default",
    engine: Literal["brian2", "closed-form"] | None = None,
    **others: Any,
) -> SpikingOptions:
    """How the neurons are run for a quality: simulated, unless it or the engine says otherwise.

    Parameters
    ----------
    quality : {'fast', 'default', 'best'}
    engine : {'brian2', 'closed-form'}, optional
        What was asked for, if anything.
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
    if quality not in QUALITIES:
        raise InputError(f"quality {quality!r} is unknown; choose from {', '.join(QUALITIES)}")
    if quality == "fast" and engine == "brian2":
        raise InputError(
            "quality 'fast' simulates nothing, engine 'brian2' every spike; ask for one of them"
        )
