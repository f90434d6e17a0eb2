"""What the command line says of one restored picture, to people and to programs."""

from __future__ import annotations

import json
import math

import numpy as np

from bio_scnn.data.images import from_float
from bio_scnn.network.fills import Holes, Values, biharmonic_values, harmonic_values, mean_values
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.job import Job, measure
from bio_scnn.restoration.metrics import Evaluation
from bio_scnn.restoration.picture import UnitPicture, unit_range
from bio_scnn.restoration.result import Restoration

# The sparse solve of the biharmonic equation takes ten seconds for these, and 2 GB if they are one
# hole.
BIHARMONIC_LIMIT = 1_000_000


def report_json(
    job: Job,
    result: Restoration,
    measured: Evaluation | None,
    seconds: float,
    quality: str,
    engine: str,
) -> str:
    """One line of JSON; what cannot be measured without a truth is null."""
    row: dict[str, object] = {"name": job.name}
    for key in ("hole_psnr", "hole_mse", "mse", "ssim"):
        value = None if measured is None else getattr(measured, key)
        row[key] = value if value is None or math.isfinite(value) else None
    row |= {
        "coverage": float(job.mask.mean()),
        "neurons": result.neurons,
        "spikes": result.spikes,
        "seconds": round(seconds, 3),
        "quality": quality,
        "engine": engine,
        "stages": {stage: round(spent, 3) for stage, spent in result.seconds.items()},
        "output": str(job.restored),
    }
    return json.dumps(row)


def report_text(
    job: Job,
    result: Restoration,
    measured: Evaluation | None,
    seconds: float,
    quality: str,
    options: SpikingOptions,
    *,
    panel: bool,
) -> str:
    """What a person wants to know about one image."""
    height, width = job.mask.shape
    lines = [f"{job.name}: {height} x {width}, {job.holes}, {100 * job.mask.mean():.1f} % missing"]
    if measured is not None and job.truth is not None:
        rows = {**baselines(job), "bio_scnn": measured}
        lines.append(f"  {'':28}{'hole PSNR':>10}{'SSIM':>8}{'MSE':>10}{'hole MSE':>10}")
        for name, row in rows.items():
            lines.append(
                f"  {name:28}{row.hole_psnr:7.2f} dB{row.ssim:8.4f}{row.mse:10.6f}"
                f"{row.hole_mse:10.5f}"
            )
        if np.count_nonzero(job.mask) > BIHARMONIC_LIMIT:
            lines.append(f"  (biharmonic left out: over {BIHARMONIC_LIMIT:,} missing pixels)")
    if quality == "best":
        lines.append("  mean of the picture's eight flips and rotations")
    if result.neurons:
        lines.append(
            f"  simulated {result.neurons:,} neurons for {options.simulated_ms:g} ms: "
            f"{result.spikes:,} spikes; engine {result.engine}"
        )
    else:
        lines.append(f"  nothing simulated: {result.engine}")
    stages = ", ".join(f"{stage} {spent:.2f}" for stage, spent in result.seconds.items())
    lines.append(f"  {seconds:.2f} s: {stages}")
    also = f" and {job.panel.name}" if panel else ""
    lines.append(f"  saved {job.restored}{also}")
    return "\n".join(lines)


def baselines(job: Job) -> dict[str, Evaluation]:
    """What classical fills reach on the same hole."""
    fills: dict[str, Values] = {
        "mean of known pixels": mean_values,
        "harmonic": harmonic_values,
    }
    if np.count_nonzero(job.mask) <= BIHARMONIC_LIMIT:
        fills["biharmonic (scikit-image)"] = biharmonic_values
    low, span = unit_range(job.image, job.mask)
    channels = job.image.reshape(*job.mask.shape, -1)
    holes = Holes(UnitPicture(channels, job.mask, low, span), job.mask)
    rows = {}
    for name, values in fills.items():
        found = np.clip(values(holes), 0, 1)
        whole = job.image.dtype.kind == "u"
        filled = channels.copy()
        filled[job.mask] = from_float(found, filled.dtype) if whole else low + span * found
        rows[name] = measure(job, filled.reshape(job.image.shape))
    return rows
