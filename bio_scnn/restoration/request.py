"""Request for restored pictures: all that a command line can ask for, apart from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bio_scnn.data.limits import MAX_PIXELS
from bio_scnn.data.mask_files import MOST_MISSING
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.network.options import Quality, SpikingOptions
from bio_scnn.restoration.outputs import outputs_of

PROPOSED, NO_DATA = Path("auto"), Path("nodata")
"""Words for a mask that is no file: proposed by the program, or the pixels without data."""


@dataclass(frozen=True)
class Request:
    """Request for restored pictures, apart from any command line; it can be sent elsewhere.

    Attributes
    ----------
    mask : Path or sequence of Path, optional
        Image of the missing pixels, one for each page, or `PROPOSED` or `NO_DATA`; without it,
        holes are made.
    confirmed : bool
        Restore by a proposed mask, too.
    mask_invert : bool
        The other pixels of the mask are missing.
    mask_grow : int
        Pixels by which the mask is grown.
    max_missing : float
        Fraction of missing pixels above which a mask is refused.
    nodata : float, optional
        Value that means no data; by default the one that the picture's file names.
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
        Folder of the results, or the result itself.
    one_file : bool
        Whether it is the result itself.
    overwrite : bool
        Replace earlier results; otherwise they are kept under another name.
    panel : bool
        Also draw what was done.
    report : {'text', 'json', 'none'}
        What is said of a restored picture.
    page : int, optional
        The only page or frame to restore, from 1; by default all of them.
    max_pixels : int
        No picture or mask that declares more is read.
    """

    mask: Path | Sequence[Path] | None = None
    confirmed: bool = False
    mask_invert: bool = False
    mask_grow: int = 0
    max_missing: float = MOST_MISSING
    nodata: float | None = None
    truth: Path | None = None
    mask_kind: str = MASK_KINDS[0]
    coverage: float | None = None
    seed: int = 0
    model: str = "inpaint"
    options: SpikingOptions = field(default_factory=SpikingOptions)
    quality: Quality = "default"
    output: Path = Path("restored")
    one_file: bool = False
    overwrite: bool = False
    panel: bool = True
    report: Literal["text", "json", "none"] = "text"
    page: int | None = None
    max_pixels: int = MAX_PIXELS

    @property
    def masks(self) -> tuple[Path, ...]:
        """Masks that were given, none if holes are to be made."""
        if self.mask is None:
            return ()
        return (self.mask,) if isinstance(self.mask, Path) else tuple(self.mask)

    def files_of(self, path: Path) -> dict[str, Path]:
        """Files that are written of a picture, by what they are."""
        names = outputs_of(path, self.output, self.one_file)
        files: dict[str, Path] = {}
        if PROPOSED in self.masks:
            files |= {"proposed mask": names.mask, "preview": names.preview}
        if self.only_proposes:
            return files
        return files | {"result": names.restored} | ({"panel": names.panel} if self.panel else {})

    @property
    def only_proposes(self) -> bool:
        """True if a mask is proposed and nothing restored yet."""
        return PROPOSED in self.masks and not self.confirmed
