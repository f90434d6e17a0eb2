"""The page docs/witnesses.md: how far NEST and Nengo are from the reference, spike by spike."""

from __future__ import annotations

import datetime
import platform

from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.witnesses import DRIVES, WITNESSES, Testimony, examine, reference
from bio_scnn.runtime.files import write_whole
from tools.docs import DOCS

NEURONS = 500
TIME_STEPS_MS = (0.1, 1.0)
PAGE = DOCS / "witnesses.md"


def row(found: Testimony) -> str:
    """A line of the table."""
    cells = (
        found.drive,
        f"{found.dt_ms:g} ms",
        found.witness,
        f"{found.spikes:,}",
        f"{found.refractory_steps:,}",
        str(found.miscounted),
        f"{found.difference_s:.1e} s",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Compare, and write the page."""
    testimonies = []
    for dt_ms in TIME_STEPS_MS:
        for drive in DRIVES:
            recording = reference(drive, dt_ms, neurons=NEURONS)
            testimonies += [examine(witness, drive, recording) for witness in WITNESSES]
    versions = {"Python": platform.python_version()}
    for name in ("exact", *WITNESSES):
        versions.update(ENTRIES[name].load().versions())
    worst = max(testimonies, key=lambda found: (found.miscounted, found.difference_s))
    lines = [
        "# Witnesses of the reference",
        "",
        "NEST's `iaf_psc_delta_ps` and Nengo's `LIF` also solve for spikes and releases inside",
        "the time step. They share no code with Brian2 or bio_scnn. In this test they get the",
        f"same currents as `bio_scnn.simulate`: {NEURONS} neurons of Table 1 for one second each.",
        "Every spike is compared.",
        "",
        f"**{sum(found.spikes for found in testimonies):,} pairs of spikes, "
        f"{sum(found.miscounted for found in testimonies)} neurons with a different number, "
        f"largest difference of a spike time {worst.difference_s:.1e} s** ({worst.witness}, "
        f"{worst.drive}, dt = {worst.dt_ms:g} ms).",
        "",
        "| current | dt | witness | spikes | steps while refractory | miscounted neurons "
        "| largest difference |",
        "|---|---|---|---|---|---|---|",
        *map(row, testimonies),
        "",
        "- constant: from 100 to 200 Hz.",
        "- steps: uniform in [0, 25), a new value after 0 to 8 ms.",
        "- white noise: standard deviation 6, a new value in each step, means from 2 to 15.",
        "- Ornstein-Uhlenbeck noise: standard deviation 3, correlation time 10 ms, same means.",
        "- the reference's own noise: `simulate(..., noise_std=0.1)` on the constant currents;",
        "  the witnesses get the recorded current.",
        "",
        "Noise is held over each step. *Steps while refractory* counts the changes of the current",
        "that fell into a refractory period.",
        "",
        f"Measured on {datetime.datetime.now(datetime.UTC).date()} by "
        "`python -m tools.docs.witnesses` with "
        f"{', '.join(f'{name} {version}' for name, version in versions.items())}.",
        "",
    ]
    write_whole(PAGE, "\n".join(lines).encode())
    print(f"{PAGE}: {len(testimonies)} comparisons")


if __name__ == "__main__":
    main()
