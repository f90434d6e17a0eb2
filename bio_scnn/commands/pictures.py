"""Pictures named on a command line: those that are meant, and where their results go."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from bio_scnn.data.datasets import embedded_images, find_images
from bio_scnn.data.images import output_path_for
from bio_scnn.errors import InputError


def find_pictures(paths: Sequence[Path], mask: Path | None) -> list[Path]:
    """Images to restore: files, those of folders but for the mask, or that of the demo."""
    if not paths:
        return [embedded_images()[0]]
    found: list[Path] = []
    for path in paths:
        found += find_images(path) if path.is_dir() else [path]
    return [path for path in found if mask is None or path.resolve() != mask.resolve()]


def check_results(images: Sequence[Path], output: Path, others: Sequence[Path | None]) -> None:
    """Refuse an output folder in which a result would replace an input or another result.

    Parameters
    ----------
    images : sequence of Path
    output : Path
        Folder of the results.
    others : sequence of Path or None
        Further inputs.
    """
    inputs = {path.resolve() for path in (*images, *others) if path is not None}
    for path in images:
        if output_path_for(path, output).resolve() in inputs:
            raise InputError(f"the result of {path} would replace an input; use another --output")
    if output.exists() and not output.is_dir():
        raise InputError(f"--output {output} is a file; it must be a folder")
    names = Counter(path.stem for path in images)
    if twice := [name for name, times in names.items() if times > 1]:
        raise InputError(f"several images would be saved as {twice[0]}_restored")
