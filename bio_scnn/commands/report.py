"""Reports on restored pictures and on methods compared, for people and for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.restoration.job import Done, Job, measure
from bio_scnn.restoration.methods import CLASSICAL, REFERENCE, filled, holes_of
from bio_scnn.restoration.metrics import Evaluation
from bio_scnn.restoration.request import Request

# The sparse solve of the biharmonic equation takes ten seconds for these, and 2 GB if they are one
# hole.
BIHARMONIC_LIMIT = 1_000_000


def report_on(done: Done, request: Request, network: HybridSCNN) -> str:
    """Report on one image, of the kind requested; empty for none."""
    if request.report == "json":
        unit = network.unit
        engine = request.options.engine if unit.simulated else unit.name
        return report_json(done, request.quality, engine)
    # Comparing with the classical fills takes a third as long as restoring.
    return report_text(done, request) if request.report == "text" else ""


def report_proposal(job: Job, request: Request) -> str:
    """Report on a mask that was proposed, of the kind requested; empty for none."""
    share, mask = float(job.mask.mean()), job.outputs.mask
    if request.report == "json":
        files = {"proposed_mask": str(mask), "preview": str(job.outputs.preview)}
        return json.dumps({"name": job.name, "coverage": share, **files, "output": None})
    if request.report == "none":
        return ""
    return (
        f"{job.name}: {100 * share:.2f} % look like scratches or dust; nothing is restored yet\n"
        f"  look at {job.outputs.preview}\n"
        f"  correct {mask} where it is wrong (white is missing), and give --mask {mask};\n"
        "  or accept it unchanged: --mask auto --yes"
    )


def report_json(done: Done, quality: str, engine: str) -> str:
    """Report on one image as a line of JSON; what cannot be measured is null."""
    job, result = done.job, done.result
    row: dict[str, object] = {"name": job.name}
    for key in ("hole_psnr", "hole_mse", "mse", "ssim"):
        value = None if done.measured is None else getattr(done.measured, key)
        row[key] = value if value is None or math.isfinite(value) else None
    row |= {
        "coverage": float(job.mask.mean()),
        "neurons": result.neurons,
        "spikes": result.spikes,
        "seconds": round(done.seconds, 3),
        "quality": quality,
        "engine": engine,
        "stages": {stage: round(spent, 3) for stage, spent in result.seconds.items()},
        "output": str(job.restored),
        "mask": job.how or job.holes,
        "warnings": list(job.warnings),
    }
    if job.source.pages > 1:
        row |= {"page": job.page + 1, "pages": job.source.pages}
    if done.lost:
        row["not_kept"] = done.lost
    return json.dumps(row)


def report_text(done: Done, request: Request) -> str:
    """Report on one image, for a person."""
    job, result = done.job, done.result
    height, width = job.mask.shape
    lines = [f"{job.name}: {height} x {width}, {job.holes}, {100 * job.mask.mean():.1f} % missing"]
    if job.how:
        lines.append(f"  missing {job.how}")
    if done.measured is not None:
        lines += _table({**baselines(job), "bio_scnn": done.measured})
        if np.count_nonzero(job.mask) > BIHARMONIC_LIMIT:
            lines.append(f"  (biharmonic left out: over {BIHARMONIC_LIMIT:,} missing pixels)")
    if request.quality == "best":
        lines.append("  mean of the picture's eight flips and rotations")
    if result.neurons:
        lines.append(
            f"  simulated {result.neurons:,} neurons for {request.options.simulated_ms:g} ms: "
            f"{result.spikes:,} spikes; engine {result.engine}"
        )
    else:
        lines.append(f"  nothing simulated: {result.engine}")
    stages = ", ".join(f"{stage} {spent:.2f}" for stage, spent in result.seconds.items())
    lines.append(f"  {done.seconds:.2f} s: {stages}")
    if done.lost:
        lines.append(f"  not kept: {'; '.join(done.lost)}")
    if done.files:
        names = [f"{job.restored}"] * (job.restored in done.files)
        names += [job.panel.name] * (job.panel in done.files)
        lines.append(f"  saved {' and '.join(names)}")
    return "\n".join(lines)


def baselines(job: Job) -> dict[str, Evaluation]:
    """Errors of the classical fills on the same hole; on a large one not of the biharmonic."""
    fills = dict(CLASSICAL)
    if np.count_nonzero(job.mask) > BIHARMONIC_LIMIT:
        del fills[REFERENCE]
    unknown = job.unknown
    holes = holes_of(job.image, unknown)
    found = {}
    for name, values in fills.items():
        whole = filled(job.image, unknown, values(holes))
        if job.nodata is not None:
            whole[job.nodata] = job.image[job.nodata]
        found[name] = measure(job, whole)
    return found


def _table(rows: dict[str, Evaluation]) -> list[str]:
    header = f"  {'':28}{'hole PSNR':>10}{_HEADER}"
    return [header] + [f"  {name:28}{_cells(asdict(row))}" for name, row in rows.items()]


def scores_text(kind: str, table: dict[str, dict[str, Any]]) -> str:
    """Mean scores of one kind of mask, a row for each method.

    Parameters
    ----------
    kind : str
    table : dict
        As `bio_scnn.restoration.evaluation.summary` returns it.
    """
    between = f"{'95 % interval':>17}{'over biharmonic':>26}"
    width = max(32, *(len(name) + 2 for name in table))
    lines = [f"{kind:{width}}{'hole PSNR':>10}{between}{_HEADER}"]
    for name, row in table.items():
        spread = "{:.2f} to {:.2f}".format(*row["hole_psnr_interval"])
        gain = "{:+.2f} ({:+.2f} to {:+.2f})".format(
            row["over_biharmonic"], *row["over_biharmonic_interval"]
        )
        between = f"{spread:>17}{'' if name == REFERENCE else gain:>26}"
        lines.append(f"{name:{width}}{_cells(row, between)}")
    return "\n".join(lines)


_HEADER = f"{'SSIM':>8}{'MSE':>10}{'hole MSE':>10}"


def _cells(row: Mapping[str, float], between: str = "") -> str:
    psnr = f"{row['hole_psnr']:7.2f} dB{between}"
    return f"{psnr}{row['ssim']:8.4f}{row['mse']:10.6f}{row['hole_mse']:10.5f}"
