"""Reports printed and written where the command line asks for them."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bio_scnn.crossval.report.text import text_report
from bio_scnn.crossval.results import Report
from bio_scnn.errors import InputError
from bio_scnn.runtime import provenance
from bio_scnn.runtime.files import finite, write_whole


def publish(reports: Sequence[Report], args: argparse.Namespace, command: str) -> None:
    """Print and write what was found, each output whatever becomes of the others.

    Raises
    ------
    InputError
        If something could not be written; everything else has been.
    """
    date, machine = provenance.now(), provenance.machine()
    meta = {"command": command, "date": date, "machine": machine}
    results = _json({"meta": meta, "reports": [report.to_json() for report in reports]})
    outputs: list[tuple[Path, Callable[[Path], None]]] = []

    def write_junit(path: Path) -> None:
        from bio_scnn.crossval.report.junit import junit_xml

        write_whole(path, junit_xml(reports))

    def write_page(path: Path) -> None:
        from bio_scnn.crossval.report.html import write_html

        write_html(reports, path, command=command, machine=machine, date=date)

    if args.report is not None:
        outputs.append((args.report / "results.json", lambda path: write_whole(path, results)))
    if args.junit is not None:
        outputs.append((args.junit, write_junit))
    if args.report is not None:
        outputs.append((args.report / "index.html", write_page))
    failures = []
    for path, write in outputs:
        try:
            write(path)
        except InputError as error:
            failures.append(str(error))
        except Exception as error:
            failures.append(f"{path}: cannot be made ({type(error).__name__}: {error})")
    _show(reports, args, results)
    if args.report is not None and not (failures or args.json):
        print(f"wrote {args.report / 'index.html'}")
    if failures:
        raise InputError("; ".join(failures))


def _show(reports: Sequence[Report], args: argparse.Namespace, results: bytes) -> None:
    if args.json:
        sys.stdout.write(results.decode())
        return
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for file in args.nir:
        from bio_scnn.crossval.nir_io import describe

        print(f"{file}:\n{textwrap.indent(describe(file), '  ')}\n")
    print(text_report(reports, _width(), colour))


def _check_outputs(args: argparse.Namespace) -> None:
    """Before anything is run: what cannot be written at the end."""
    if args.report is not None and args.report.exists() and not args.report.is_dir():
        raise InputError(f"--report {args.report}: is a file, and must be a folder")
    if args.junit is not None and not args.junit.parent.is_dir():
        raise InputError(f"--junit {args.junit}: there is no folder {args.junit.parent}")
    if args.junit is not None and args.junit.is_dir():
        raise InputError(f"--junit {args.junit}: is a folder, and must be a file")


def _json(table: dict[str, Any]) -> bytes:
    # What a framework says may hold half a character, which is no text.
    text = json.dumps(finite(table), indent=1, ensure_ascii=False) + "\n"
    return text.encode(errors="replace")


def _width() -> int:
    return shutil.get_terminal_size((100, 24)).columns
