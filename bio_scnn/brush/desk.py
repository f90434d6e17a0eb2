"""Desk of the brush: the few pictures that are kept, in a private folder that is removed."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from pathlib import Path

from bio_scnn.brush.sheet import MOST_PIXELS, Sheet, plain_name
from bio_scnn.errors import InputError

KEPT = 4
"""Pictures that are kept; one more, and the one that was used longest ago is removed."""


class Desk:
    """Pictures in the brush by their keys, in a temporary folder that only its owner can read.

    Parameters
    ----------
    model : str
        A shipped model's name, or a file.
    max_pixels : int
        No picture that declares more is read.
    """

    def __init__(self, model: str = "inpaint", max_pixels: int = MOST_PIXELS) -> None:
        self.model, self.max_pixels = model, max_pixels
        self._folder = tempfile.TemporaryDirectory(prefix="bio_scnn-", ignore_cleanup_errors=True)
        self._sheets: dict[str, Sheet] = {}  # used longest ago first

    @property
    def folder(self) -> Path:
        """Folder of all files."""
        return Path(self._folder.name)

    def add(self, name: str) -> tuple[str, Sheet]:
        """Key and sheet of a new picture, without a file yet."""
        key = secrets.token_hex(8)
        sheet = Sheet(self.folder / key, plain_name(name), self.model, self.max_pixels)
        sheet.folder.mkdir(mode=0o700)
        self._sheets[key] = sheet
        while len(self._sheets) > KEPT:
            self.remove(next(iter(self._sheets)))
        return key, sheet

    def of(self, key: str) -> Sheet:
        """Sheet of a key.

        Raises
        ------
        InputError
            If it is not kept any more, or never was.
        """
        if key not in self._sheets:
            raise InputError(
                f"this picture is not kept any more, only the last {KEPT}; open it again"
            )
        self._sheets[key] = self._sheets.pop(key)
        return self._sheets[key]

    def remove(self, key: str) -> None:
        """Forget a picture and remove its files."""
        shutil.rmtree(self._sheets.pop(key).folder, ignore_errors=True)

    def close(self) -> None:
        """Remove all files."""
        self._sheets.clear()
        self._folder.cleanup()
