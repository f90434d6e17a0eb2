"""Reports printed, and written as JSON, JUnit XML and an HTML page, where they are asked for."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bio_scnn.crossval.report.html import write_html
from bio_scnn.crossval.report.junit import junit_xml
from bio_scnn.crossval.report.text import text_report
from bio_scnn.crossval.report.words import terminal_width
from bio_scnn.crossval.results import Report
from bio_scnn.errors import InputError
from bio_scnn.runtime import provenance
from bio_scnn.runtime.files import finite, write_whole


def check_outputs(folder: Path | None, junit: Path | None) -> None:
    """Refuse, before anything is run, what could not be written at the end.

    Parameters are those of `publish`.

    Raises
    ------
    InputError
    """
    if folder is not None and folder.exists() and not folder.is_dir():
        raise InputError(f"--report {folder}: is a file, and must be a folder")
    if junit is not None and not junit.parent.is_dir():
        raise InputError(f"--junit {junit}: there is no folder {junit.parent}")
    if junit is not None and junit.is_dir():
        raise InputError(f"--junit {junit}: is a folder, and must be a file")


def publish(
    reports: Sequence[Report],
    *,
    command: str,
    folder: Path | None = None,
    junit: Path | None = None,
    as_json: bool = False,
    nir_files: Sequence[Path] = (),
) -> None:
    """Print and write reports, each output whatever becomes of the others.

    Parameters
    ----------
    reports : sequence of Report
    command : str
        Command line that made them.
    folder : Path, optional
        Where ``results.json`` and ``index.html`` are written.
    junit : Path, optional
        File of JUnit XML.
    as_json : bool
        Print one JSON object in place of text.
    nir_files : sequence of Path
        Files whose neurons are described above the text.

    Raises
    ------
    InputError
        If something could not be written; everything else has been.
    """
    meta: dict[str, Any] = {
        "command": command,
        "date": provenance.now(),
        "machine": provenance.machine(),
    }
    table = {"meta": meta, "reports": [report.to_json() for report in reports]}
    text = json.dumps(finite(table), indent=1, ensure_ascii=False) + "\n"
    # What a framework says may hold half a character, which is no text.
    results = text.encode(errors="replace")
    outputs: list[tuple[Path, Callable[[Path], None]]] = []
    if folder is not None:
        outputs.append((folder / "results.json", lambda path: write_whole(path, results)))
    if junit is not None:
        outputs.append((junit, lambda path: write_whole(path, junit_xml(reports))))
    if folder is not None:
        outputs.append((folder / "index.html", lambda path: write_html(reports, path, **meta)))
    failures = _write(outputs)
    if as_json:
        sys.stdout.write(results.decode())
    else:
        _print(reports, nir_files)
    if folder is not None and not (failures or as_json):
        print(f"wrote {folder / 'index.html'}")
    if failures:
        raise InputError("; ".join(failures))


def _write(outputs: Sequence[tuple[Path, Callable[[Path], None]]]) -> list[str]:
    """Write every file that can be; why the others cannot."""
    failures = []
    for path, write in outputs:
        try:
            write(path)
        except InputError as error:
            failures.append(str(error))
        except Exception as error:
            failures.append(f"{path}: cannot be made ({type(error).__name__}: {error})")
    return failures


def _print(reports: Sequence[Report], nir_files: Sequence[Path]) -> None:
    for file in nir_files:
        from bio_scnn.crossval.nir_io import describe

        print(f"{file}:\n{textwrap.indent(describe(file), '  ')}\n")
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    print(text_report(reports, terminal_width(), colour))
