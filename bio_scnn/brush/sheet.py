"""Sheet: a picture in the brush, its folder of files, and the command line that restores it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bio_scnn.data.images import IMAGE_SUFFIXES, output_path_for
from bio_scnn.data.limits import MAX_PIXELS
from bio_scnn.network.options import Quality, spiking_options
from bio_scnn.restoration.request import Request

MOST_PIXELS = 50_000_000
"""Pixels of a picture that the brush opens unless told otherwise; a browser holds no more."""

_WRITTEN = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".bmp")  # also as a result
_LONGEST = 100  # characters of a name


@dataclass(frozen=True)
class Sheet:
    """A picture in the brush. Its files have names of ours: what its user calls it is only shown.

    Attributes
    ----------
    folder : Path
        Holds its files and nothing else.
    name : str
        As its user calls it, without folders.
    model : str
        A shipped model's name, or a file.
    max_pixels : int
        No picture or mask that declares more is read.
    """

    folder: Path
    name: str
    model: str = "inpaint"
    max_pixels: int = MOST_PIXELS

    @property
    def suffix(self) -> str:
        """Suffix of the picture's file, in lower case; none if no format is known by it."""
        suffix = Path(self.name).suffix.lower()
        return suffix if suffix in IMAGE_SUFFIXES else ""

    @property
    def picture(self) -> Path:
        """File of the picture."""
        return self.folder / f"picture{self.suffix}"

    @property
    def painted(self) -> Path:
        """File of the mask as it is painted now."""
        return self.folder / "painted.png"

    @property
    def mask(self) -> Path:
        """File of the mask by which the picture was restored."""
        return self.folder / "mask.png"

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Suffixes that a result may have: the picture's own first, then that of the default."""
        usual = output_path_for(self.picture).suffix
        own = (self.suffix,) if self.suffix in _WRITTEN else ()
        return tuple(dict.fromkeys((*own, usual)))

    def result(self, suffix: str) -> Path:
        """File of the restored picture."""
        return self.folder / f"restored{suffix}"

    def request(self, quality: Quality, page: int | None, suffix: str) -> Request:
        """Request that restores the picture with the painted mask.

        Parameters
        ----------
        quality : {'fast', 'default', 'best'}
        page : int, optional
            From 1; only for a file of several pages.
        suffix : str
            Of the result.
        """
        return Request(
            mask=(self.painted,),
            model=self.model,
            options=spiking_options(quality),
            quality=quality,
            output=self.result(suffix),
            one_file=True,
            panel=False,
            report="none",
            page=page,
            max_pixels=self.max_pixels,
        )

    def called(self, what: str, suffix: str) -> str:
        """Name of a file for its user, such as ``photo_mask.png``."""
        return f"{Path(self.name).stem}_{what}{suffix}"

    def command(self, request: Request) -> str:
        """Command line that does the same as a request, in the folder of the user's files."""
        result = self.called("restored", request.output.suffix)
        words = ["python", "-m", "bio_scnn.run_inpaint", _file(self.name)]
        words += ["--mask", _file(self.called("mask", ".png")), "-o", _file(result)]
        if request.quality != "default":
            words += ["--quality", request.quality]
        if request.page is not None:
            words += ["--page", str(request.page)]
        if self.model != "inpaint":
            words += ["--model", self.model]
        if self.max_pixels > MAX_PIXELS:
            words += ["--max-pixels", str(self.max_pixels)]
        return shlex.join([*words, "--no-panel"])


def plain_name(name: str) -> str:
    """File name without folders and control characters, short enough for any file system."""
    last = PurePosixPath(name.replace("\\", "/")).name
    shown = "".join(character for character in last if character.isprintable()).strip()
    if shown.strip(".") == "":
        return "picture"
    suffix = Path(shown).suffix
    if len(suffix) > 8:
        suffix = ""
    return shown if len(shown) <= _LONGEST else shown[: _LONGEST - len(suffix)] + suffix


def _file(name: str) -> str:
    """Name as a command line takes it: no option, whatever it begins with."""
    return f"./{name}" if name.startswith("-") else name
