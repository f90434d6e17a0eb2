"""Targets and checks from the words of a command line, and the list of what there is."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bio_scnn.crossval.adapters import ENTRIES, Entry
from bio_scnn.crossval.resolve import nameless
from bio_scnn.crossval.workers.isolation import Target
from bio_scnn.errors import InputError
from bio_scnn.runtime.provenance import versions

NEXT = (
    "next:",
    "  python -m bio_scnn.validate NAME ...           check some of these",
    "  python -m bio_scnn.validate --all              all that are installed",
    "  python -m bio_scnn.validate file.py:object     an implementation of yours",
    "  python -m bio_scnn.validate --help             programs, NIR files, reports",
)


def checks_to_run(only: Sequence[str], skip: Sequence[str]) -> tuple[str, ...]:
    """Names of the checks, in their own order.

    Raises
    ------
    InputError
        If there is no such check, or none is left.
    """
    from bio_scnn.crossval.checks import check_names

    known = check_names()
    for name in (*only, *skip):
        if name not in known:
            raise InputError(f"there is no check {name!r}{_similar(name, known)}")
    chosen = tuple(name for name in known if name in (only or known) and name not in skip)
    if not chosen:
        raise InputError("--only and --skip leave no check to run")
    return chosen


def find_targets(
    names: Sequence[str],
    commands: Sequence[str],
    nir_files: Sequence[Path],
    pythons: Sequence[str],
    *,
    everything: bool,
    declare: Mapping[str, Any] | None = None,
) -> list[Target]:
    """Targets that the words of a command line name, in the order given.

    Parameters
    ----------
    names, commands : sequence of str
    nir_files : sequence of Path
    pythons : sequence of str
        As ``NAME=PATH``.
    everything : bool
        All known ones that are installed, too.
    declare : mapping, optional
        What layers of one's own shall be, as `declared.declared` takes it.

    Raises
    ------
    InputError
        If something is unknown or not installed.
    """
    elsewhere = dict(_split(python) for python in pythons)
    if everything:
        installed = (n for n, entry in ENTRIES.items() if n in elsewhere or not entry.missing())
        names = [*names, *installed]
    names = list(dict.fromkeys(names))
    for name in elsewhere:
        if name not in names:
            raise InputError(f"--python {name}=...: {name} is not among what shall be checked")
    targets = []
    for name in names:
        recipe = {"resolve": name} | ({"declare": dict(declare)} if declare else {})
        if name not in elsewhere:
            _available(name)
            targets.append(Target(name, recipe))
        else:
            targets.append(Target(name, recipe, elsewhere[name]))
    targets += [Target(command, {"command": command}) for command in commands]
    for file in nir_files:
        from bio_scnn.crossval.nir_io import describe, nir_adapters

        nodes = [adapter.name for adapter in nir_adapters(file)]
        if not nodes:
            raise InputError(f"{file}: nothing to check; {describe(file)}")
        targets += [
            Target(name, {"nir": str(file), "index": index}) for index, name in enumerate(nodes)
        ]
    return targets


def listing(width: int) -> str:
    """List of the known implementations, installed or not, of the checks, and how to go on."""
    from bio_scnn.crossval.checks import check_names, describe

    present = [entry for entry in ENTRIES.values() if not entry.missing()]
    absent = [entry for entry in ENTRIES.values() if entry.missing()]
    lines = ["installed:", *_rows([(e.name, _installed(e)) for e in present], width)]
    if absent:
        lines += ["", "not installed:", *_rows([(e.name, _how_to_get(e)) for e in absent], width)]
    checks = [(name, _first_sentence(describe(name))) for name in check_names()]
    lines += ["", "checks:", *_rows(checks, width)]
    return "\n".join([*lines, "", *NEXT])


def _available(name: str) -> None:
    """Raise if it can be seen from here that there is no such implementation."""
    if name in ENTRIES:
        if missing := ENTRIES[name].missing():
            raise InputError(f"{name} needs {' and '.join(missing)}: {_how_to_get(ENTRIES[name])}")
        return
    file, colon, _ = name.rpartition(":")
    if nameless(name):
        file = name.rstrip(":")
        raise InputError(f"{name}: name the object: {file}:OBJECT")
    if not colon:
        raise InputError(
            f"{name!r} is not known{_similar(name, ENTRIES)}; an implementation of yours is "
            "module:object or file.py:object, and without names the known ones are listed"
        )
    if file.endswith(".py") and not Path(file).is_file():
        raise InputError(f"{name}: there is no file {file}")


def _split(python: str) -> tuple[str, str]:
    name, _, path = python.partition("=")
    if not (name and path):
        raise InputError(f"--python {python}: must be NAME=PATH of an interpreter")
    return name, path


def _installed(entry: Entry) -> str:
    found = ", ".join(
        f"{name} {version}" for name, version in versions(*entry.distributions).items()
    )
    return f"{entry.summary} ({found})" if found else entry.summary


def _how_to_get(entry: Entry) -> str:
    how = f"pip install {' '.join(entry.missing())}"
    if entry.apart:
        how += (
            f" in an environment of its own ({entry.apart}), together with bio_scnn; then "
            f"--python {entry.name}=PATH of its interpreter"
        )
    return how


def _first_sentence(text: str) -> str:
    # "eq. 2" is no end of a sentence.
    return re.split(r"\.\s+(?=[A-Z])", " ".join(text.split()), maxsplit=1)[0].rstrip(".")


def _similar(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _rows(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    first = max(len(name) for name, _ in rows) + 4
    lines: list[str] = []
    for name, text in rows:
        lines += textwrap.wrap(
            text,
            max(width, first + 30),
            initial_indent=f"  {name}".ljust(first),
            subsequent_indent=" " * first,
        )
    return lines
