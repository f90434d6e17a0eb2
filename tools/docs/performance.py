"""The page docs/performance.md: how fast, beside whom, on what.

``python -m benchmarks`` measures; ``python -m tools.docs.performance`` reads the numbers it left.
What a section says of its method is the docstring of the script that measured, its table is what
that script prints; the rest of the text stands in ``_performance_text``.
"""

from __future__ import annotations

import argparse
import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from bio_scnn.commands.options import run
from bio_scnn.errors import InputError
from bio_scnn.runtime.files import write_whole
from tools import scripts
from tools.docs import DOCS, RESULTS
from tools.docs._performance_text import LEARNED, METHOD, ORDER


def page(numbers: dict[str, Any]) -> str:
    """The page: method, the results of each script, what was learned."""
    known = [name for name in ORDER if name in numbers]
    paragraphs = ["# Performance", METHOD]
    for name in [*known, *sorted(set(numbers) - set(known))]:
        paragraphs += section(name, numbers[name])
    return "\n\n".join([*paragraphs, "## What was learned", LEARNED]) + "\n"


def section(name: str, data: dict[str, Any]) -> list[str]:
    """The paragraphs on one script: its method, table, goals, picture and machine."""
    script = importlib.import_module(f"benchmarks.{name}")
    goals = [f"- {line}" for line in getattr(script, "goals", lambda _: [])(data)]
    return [
        f"## {script.TITLE}",
        (script.__doc__ or "").strip(),
        measured_on(name, data),
        script.table(data),
        *(["Goals:", "\n".join(goals)] if goals else []),
        f"![{script.TITLE}](../benchmarks/results/{name}.svg)",
    ]


def measured_on(name: str, data: dict[str, Any]) -> str:
    """The command, the machine, and what it had to do besides."""
    machine = data["machine"]
    of = data.get("versions", {})
    versions = ", ".join(f"{package} {version}" for package, version in of.items() if version)
    return fill(
        f"`python -m benchmarks.{name}`; measured on {machine['cores']} cores "
        f"({machine['processor']}), {data['busy_cores']:.2f} of them busy with other work before"
        f"{'; ' if versions else ''}{versions}.",
        98,
        break_on_hyphens=False,
    )


def read(folder: Path) -> dict[str, Any]:
    """The JSON that scripts left in a folder, by script.

    Raises
    ------
    InputError
        If there is none, or one that was only tried out.
    """
    numbers: dict[str, Any] = {}
    for path in sorted(folder.glob("*.json")):
        if path.stem not in scripts.names("benchmarks"):
            raise InputError(f"{path}: there is no such script in benchmarks/")
        numbers[path.stem] = json.loads(path.read_text("utf-8"))
        if numbers[path.stem]["quick"]:
            raise InputError(f"{path}: measured with --quick, which is not worth a page")
    if not numbers:
        raise InputError(f"{folder}: no results there; run python -m benchmarks first")
    return numbers


def main(argv: Sequence[str] | None = None) -> None:
    """Read the numbers, write the page."""
    p = argparse.ArgumentParser(
        description="Write docs/performance.md from what the benchmarks left."
    )
    p.add_argument("--results", type=Path, default=RESULTS, metavar="DIR", help="of the JSON")
    p.add_argument("-o", "--output", type=Path, default=DOCS / "performance.md", help="to write")
    args = p.parse_args(argv)
    write_whole(args.output, page(read(args.results)).encode())
    print(args.output)


if __name__ == "__main__":
    run(main)
