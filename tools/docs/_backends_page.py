"""Text of docs/backends.md, from the rows of `tools.docs.backends`."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

HEAD = """# Backends of one framework

A spiking network is computed on a CPU or a GPU, in float32, TF32 or bfloat16, step by step or all
steps at once, compiled or not. This page shows on which of these it is the same network.

The network has 64 inputs, 128 LIF neurons and 10 LIF neurons, seeded weights, 32 trains of Poisson
spikes per input, 200 steps: V <- V + (x - V) / 10, a spike above 1, V <- 0. snnTorch, Norse and
SpikingJelly are set to this equation. The reference is NumPy in float64.
"""

NOTES = """
- *spikes that differ*: of both layers, where one of the two has a spike and the other has none.
- *V*: its largest difference in the steps before the first spike that differs.
- *departs*: step and layer of the first spike that differs, and how far V was from the threshold
  there in the reference.
- *classes*: trains, of 32, whose most active output neuron changes.
- Every run was repeated from the start. One that does not repeat bit for bit is an error.
"""


FAILED = "What did not run, with what was raised:"


def _way(row: Row) -> str:
    return row["way"] + (", compiled" if row.get("compiled") else "")


def _line(row: Row) -> str:
    where = [_way(row), row["device"], row["format"]]
    departs = "never"
    if "step" in row:
        departs = f"step {row['step']}, layer {row['layer']}, {row['margin']:.0e} from threshold"
    cells = (
        *where,
        f"{row['wrong']:,} of {row['spikes']:,} ({row['wrong'] / row['spikes']:.2%})",
        f"{row['v']:.0e}",
        departs,
        str(row["classes"]),
    )
    return f"| {' | '.join(cells)} |"


def _failed(rows: list[Row]) -> list[str]:
    """Lines with what did not run, a line for each reason."""
    reasons: dict[str, dict[str, list[str]]] = {}
    for row in rows:
        kind, _, said = row["error"].partition(": ")
        reason = f"{kind}: {said.split('. ')[0].rstrip('.')}" if said else kind
        ways = reasons.setdefault(reason, {})
        ways.setdefault(_way(row), []).append(f"{row['device']} {row['format']}")
    return [
        "- "
        + "; ".join(f"{way} ({', '.join(where)})" for way, where in ways.items())
        + f": `{reason}`"
        for reason, ways in reasons.items()
    ]


def _summary(rows: list[Row]) -> list[str]:
    """Lines by device and format: how many ways are the same network, spike for spike."""
    lines = []
    groups = dict.fromkeys((row["device"], row["format"]) for row in rows)
    for device, dtype in groups:
        found = [row for row in rows if (row["device"], row["format"]) == (device, dtype)]
        same = sum(row["wrong"] == 0 for row in found)
        most = max(row["wrong"] / row["spikes"] for row in found)
        changed = max(row["classes"] for row in found)
        lines.append(
            f"- {device}, {dtype}: {same} of {len(found)} have every spike of the reference; "
            f"at most {most:.2%} of spikes and {changed} of {found[0]['batch']} classes differ."
        )
    return lines


def page(runs: list[dict[str, Any]]) -> str:
    """The page: a summary and a table for each machine."""
    parts = [HEAD]
    for run in runs:
        about, rows = run["about"], run["rows"]
        whole = [row for row in rows if "device" in row]
        failed = [row for row in whole if "error" in row]
        versions = {row["way"].split()[0]: row["version"] for row in whole}
        names = ", ".join(f"{name} {version}" for name, version in versions.items())
        parts += [
            f"## {about.get('gpu', about['processor'])}",
            "",
            *_summary([row for row in whole if "error" not in row]),
            "",
            "| framework | device | format | spikes that differ | V | departs | classes |",
            "|---|---|---|---|---|---|---|",
            *(_line(row) for row in whole if "error" not in row),
            "",
            *([FAILED, "", *lines, ""] if (lines := _failed(failed)) else []),
            *(f"- {row['way']}: {row['error']}." for row in rows if "device" not in row),
            "",
            f"{about['date']}: PyTorch {about['torch']}, {names}; {about['processor']}, "
            f"{about['python']}.",
            "",
        ]
    return "\n".join([*parts, NOTES.strip(), ""])
