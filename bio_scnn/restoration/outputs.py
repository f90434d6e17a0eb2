"""Output files of a restoration: their names, and what none of them may replace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bio_scnn.data.images import IMAGE_SUFFIXES, image_file, output_path_for
from bio_scnn.data.stamps import settings_of
from bio_scnn.errors import InputError
from bio_scnn.runtime.files import place_of


class Outputs(NamedTuple):
    """Files that the restoration of one picture may write.

    Attributes
    ----------
    restored, panel : Path
    mask, preview : Path
        The mask that was proposed, and the picture with it.
    """

    restored: Path
    panel: Path
    mask: Path
    preview: Path


def outputs_of(path: Path, output: Path, one_file: bool = False) -> Outputs:
    """Output files of a picture.

    Parameters
    ----------
    path : Path
        The picture.
    output : Path
        Folder of the results, or the result itself.
    one_file : bool
        Whether it is the result itself.
    """
    folder, stem = (output.parent, output.stem) if one_file else (output, path.stem)
    restored = output if one_file else output_path_for(path, output)
    names = (f"{stem}_{what}.png" for what in ("panel", "proposed_mask", "proposed_preview"))
    return Outputs(restored, *(folder / name for name in names))


# Of files that are no results, so that nobody gets a folder of such a name.
_OTHER_SUFFIXES = frozenset({
    ".heic", ".heif", ".jxl", ".ico", ".icns", ".qoi", ".svg", ".eps", ".ps", ".pdf", ".psd",
    ".psb", ".xcf", ".kra", ".exr", ".hdr", ".dng", ".cr2", ".nef", ".arw", ".raw", ".fits",
    ".npy", ".npz", ".h5", ".mp4", ".txt", ".json", ".csv", ".zip",
})  # fmt: skip


def names_a_file(output: Path) -> bool:
    """Answer if an output is meant as a file: it has the suffix of one, and is no folder."""
    return output.suffix.lower() in IMAGE_SUFFIXES | _OTHER_SUFFIXES and not output.is_dir()


def check_output(output: Path, pictures: Sequence[Path]) -> None:
    """Refuse an output that cannot be a folder, nor the file of the only picture's result.

    Raises
    ------
    InputError
        Says what would be right.
    """
    if str(output) == "-":
        raise InputError("--output - is no file; results are not written to standard output")
    if not names_a_file(output):
        if output.exists() and not output.is_dir():
            raise InputError(f"--output {output} is a file; it must be a folder")
        return
    if len(pictures) != 1:
        raise InputError(
            f"--output {output} names one file, and there are {len(pictures)} pictures; it must "
            "be a folder"
        )
    if output.exists() and not _is_result(output):
        raise InputError(
            f"--output {output} is a file; it must be a folder, a new file, or an earlier result"
        )
    image_file(output, np.zeros((1, 1, 3), np.uint8))  # or a suffix that cannot be written


def _is_result(path: Path) -> bool:
    return path.is_file() and settings_of(path.read_bytes()) is not None


def check_names(
    pictures: Sequence[Path], outputs: Iterable[dict[str, Path]], inputs: Iterable[Path | None]
) -> None:
    """Refuse outputs that would replace an input or one another.

    Names that differ in case, or lead to the same file by links, count as the same.

    Parameters
    ----------
    pictures : sequence of Path
    outputs : iterable of dict
        Of each picture: what is written, for people, and where.
    inputs : iterable of Path or None
        All files that are read, the pictures among them.

    Raises
    ------
    InputError
        Names the files.
    """
    read = {place_of(path): path for path in inputs if path is not None}
    taken: dict[str, Path] = {}
    for picture, files in zip(pictures, outputs, strict=True):
        for what, path in files.items():
            place = place_of(path)
            if place in read:
                raise InputError(
                    f"the {what} of {picture} would replace an input, {read[place]}; use another "
                    "--output"
                )
            if place in taken:
                raise InputError(
                    f"several images would be saved as {path.name}: {taken[place]} and {picture}; "
                    "restore them into different folders (--output)"
                )
            taken[place] = picture
