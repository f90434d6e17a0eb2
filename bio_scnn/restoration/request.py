"""Request for restored pictures: what is missing, how it is restored, what is wanted."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.network.hybrid import Quality, SpikingOptions


@dataclass(frozen=True)
class Request:
    """What to do with pictures, whatever command line asks for it; it can be sent elsewhere.

    Attributes
    ----------
    mask : Path, optional
        Image of the missing pixels; without it, holes are made.
    truth : Path, optional
        The undamaged image of the mask's, to measure against.
    mask_kind : str
        One of `MASK_KINDS`: the holes to make.
    coverage : float, optional
        Fraction of missing pixels of such holes; by default the kind's.
    seed : int
        Of holes and noise.
    model : str
        A shipped model's name, or a file.
    options : SpikingOptions
    quality : {'fast', 'default', 'best'}
    output : Path
        Folder of the results.
    panel : bool
        Also draw what was done.
    report : {'text', 'json', 'none'}
        What is said of a restored picture.
    """

    mask: Path | None = None
    truth: Path | None = None
    mask_kind: str = MASK_KINDS[0]
    coverage: float | None = None
    seed: int = 0
    model: str = "inpaint"
    options: SpikingOptions = field(default_factory=SpikingOptions)
    quality: Quality = "default"
    output: Path = Path("restored")
    panel: bool = True
    report: Literal["text", "json", "none"] = "text"
