"""The page docs/validation/index.html, and the table of results in docs/validation.md.

``python -m tools.docs.validation``; arguments are handed on to ``python -m bio_scnn.validate``,
such as ``sinabs --python sinabs=envs/sinabs/bin/python``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from typing import Any

from bio_scnn.crossval.oracles import drives as probes
from bio_scnn.crossval.results import Report
from bio_scnn.neuron.closed_form import current_for_rate
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.runtime.files import write_whole
from tools.docs import DOCS, ROOT

TIME_STEPS_MS = (0.1, 1.0)
MARKS = "<!-- results: written by tools/docs/validation.py -->", "<!-- end of results -->"


def validate(dt_ms: float, more: list[str]) -> tuple[dict[str, Report], dict[str, Any]]:
    """Reports of everything installed at one time step, and what is known about the run."""
    page = dt_ms == TIME_STEPS_MS[0]
    with tempfile.TemporaryDirectory() as scratch:
        folder = "docs/validation" if page else scratch
        command = ["-m", "bio_scnn.validate", "--all", *more, "--dt", str(dt_ms)]
        done = subprocess.run(
            [sys.executable, *command, "--report", folder],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if done.returncode not in (0, 1):
            sys.exit(done.returncode)
        results = ROOT / folder / "results.json"
        found = json.loads(results.read_text("utf-8"))
        if page:
            results.unlink()  # all of it is in the page
    return {r["name"]: Report.from_json(r) for r in found["reports"]}, found["meta"]


def row(reports: list[Report]) -> str:
    """A line of the table: one implementation at every time step."""
    first = reports[0]
    version = next(iter(first.versions.values()), "")
    errors = [
        result.values["membrane_max_error"]
        for result in first.results
        if result.check == "subthreshold_membrane" and "membrane_max_error" in result.values
    ]
    cells = [
        f"{first.name} {version}".strip(),
        f"{errors[0]:.0e}" if errors else "",
        *(f"{r.rate_at_150_hz:.2f}" if r.rate_at_150_hz is not None else "" for r in reports),
        *(f"{r.count('passed')} / {r.count('xfail')} / {r.count('skipped')}" for r in reports),
        ", ".join(r.check for r in first.results if r.status in ("failed", "error")),
        "inside the steps" if first.capabilities.precise else first.behaves_like,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Validate at each time step, and write page and table."""
    runs = [validate(dt_ms, sys.argv[1:]) for dt_ms in TIME_STEPS_MS]
    meta = runs[0][1]
    steps = [f"{dt:g} ms" for dt in TIME_STEPS_MS]
    current = current_for_rate(150.0)
    floors = " and ".join(
        f"{probes.rate_floor(current, dt, TABLE_1):.2f} Hz at dt = {dt:g} ms"
        for dt in TIME_STEPS_MS
    )
    heads = [
        "implementation",
        "error of V",
        *(f"rate for 150 Hz, dt {step}" for step in steps),
        *(f"passed / as declared / skipped, dt {step}" for step in steps),
        "unexpected",
        "fires like",
    ]
    lines = [
        MARKS[0],
        "",
        f"Measured on {meta['date'][:10]} by `python -m tools.docs.validation` "
        f"({meta['machine']['python']}).",
        "A neuron that should fire at 150 Hz fires at",
        f"{floors} if the time grid is its only error,",
        "and at 176.47 Hz in continuous time if it has no refractory period.",
        "",
        f"| {' | '.join(heads)} |",
        "|" + "---|" * len(heads),
        *(row([reports[name] for reports, _ in runs]) for name in runs[0][0]),
        "",
        MARKS[1],
    ]
    page = DOCS / "validation.md"
    text = page.read_text("utf-8")
    pattern = f"{re.escape(MARKS[0])}.*{re.escape(MARKS[1])}"
    new, count = re.subn(pattern, lambda _: "\n".join(lines), text, flags=re.S)
    if count != 1:
        sys.exit(f"error: {page.name} lacks the marks between which the table belongs")
    write_whole(page, new.encode())


if __name__ == "__main__":
    main()
