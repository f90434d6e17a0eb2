"""Restore images from the command line: ``python -m bio_scnn.run_inpaint``."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bio_scnn.checkpoint import load_model
from bio_scnn.cli import add_neuron_options, neuron_options, run
from bio_scnn.datasets import embedded_images
from bio_scnn.errors import InputError
from bio_scnn.files import write_whole
from bio_scnn.fills import biharmonic_fill, harmonic_fill, mean_fill
from bio_scnn.images import (
    from_float,
    output_path_for,
    read_image,
    read_mask,
    to_float,
    write_image,
)
from bio_scnn.masks import DEFAULT_COVERAGE, MASK_KINDS, make_mask
from bio_scnn.metrics import Evaluation, evaluate
from bio_scnn.model import HybridSCNN, SpikingOptions
from bio_scnn.model_files import model_path
from bio_scnn.panel import draw_panel
from bio_scnn.restoration import Restoration, restore, unit_range

# The sparse solve of the biharmonic equation takes 2 kB a missing pixel: 2 GB, in ten seconds.
BIHARMONIC_LIMIT = 1_000_000

EPILOG = """\
examples:
  python -m bio_scnn.run_inpaint
      restore a photograph that comes with scikit-image
  python -m bio_scnn.run_inpaint photo.jpg --mask scratches.png
      restore the pixels of photo.jpg where scratches.png is not black
  python -m bio_scnn.run_inpaint *.jpg --mask-kind boxes --coverage 0.1 --seed 7
      make holes in pictures, restore them, and measure how well
  python -m bio_scnn.run_inpaint photo.jpg --mask scratches.png --quality best
      the mean over eight orientations, every one simulated; --quality fast simulates nothing
  python -m bio_scnn.run_inpaint damaged.png --mask holes.png --truth original.png --json
      one JSON object on standard output
  python -m bio_scnn.run_inpaint --readout count --duration 200 --noise 0.1
      count spikes over 200 ms under coloured current noise
"""


class Job(NamedTuple):
    """One image to restore; the truth, where it is known."""

    name: str
    image: NDArray
    mask: NDArray[np.bool_]
    truth: NDArray | None
    holes: str  # what the mask is, for people
    restored: Path
    panel: Path


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bio_scnn.run_inpaint",
        description="Restore missing pixels with a hybrid network whose first layer is simulated "
        "spike by spike in Brian2.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("images", nargs="*", type=Path, metavar="IMAGE", help="images to restore")
    holes = p.add_argument_group("holes")
    holes.add_argument(
        "--mask", type=Path, metavar="MASK", help="an image: non-zero where a pixel is missing"
    )
    holes.add_argument(
        "--truth", type=Path, metavar="IMAGE", help="the undamaged image, to measure against"
    )
    holes.add_argument(
        "--mask-kind", choices=MASK_KINDS, help="make holes of this kind instead of --mask"
    )
    usual = ", ".join(f"{k} {v}" for k, v in DEFAULT_COVERAGE.items())
    holes.add_argument(
        "--coverage", type=float, help=f"fraction of missing pixels (default: {usual})"
    )
    holes.add_argument("--seed", type=int, default=0, help="of mask and noise (default: 0)")
    net = p.add_argument_group("network and neurons")
    net.add_argument(
        "--model", default="inpaint", help="a shipped model's name or a file (default: inpaint)"
    )
    add_neuron_options(net)
    out = p.add_argument_group("output")
    out.add_argument(
        "-o", "--output", type=Path, default=Path("restored"), metavar="DIR",
        help="folder of the results (default: restored)",
    )  # fmt: skip
    out.add_argument("--json", action="store_true", help="print one JSON object per image instead")
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def prepare(args: argparse.Namespace, path: Path) -> Job:
    """Read an image and read or draw its mask."""
    image = read_image(path)
    truth = None
    if args.mask is not None:
        mask, holes = read_mask(args.mask), args.mask.name
        if mask.shape != image.shape[:2]:
            raise InputError(
                f"{args.mask} has {mask.shape[0]} x {mask.shape[1]} pixels, {path} "
                f"{image.shape[0]} x {image.shape[1]}; they must be of the same size"
            )
        if args.truth is not None:
            truth = read_image(args.truth)
            if truth.shape != image.shape:
                raise InputError(
                    f"{args.truth} has shape {truth.shape}, {path} {image.shape}; they must agree"
                )
            if not np.isfinite(truth).all():
                raise InputError(f"{args.truth} holds NaN or infinity; a truth must be finite")
    else:
        holes = args.mask_kind
        mask = make_mask(holes, image.shape[:2], np.random.default_rng(args.seed), args.coverage)
        truth = image
    restored = output_path_for(path, args.output)
    panel = args.output / f"{path.stem}_panel.png"
    return Job(path.name, image, mask, truth, holes, restored, panel)


def process(
    job: Job, args: argparse.Namespace, network: HybridSCNN, options: SpikingOptions
) -> tuple[Restoration, Evaluation | None, float]:
    """Restore, measure and save one image."""
    start = time.perf_counter()
    bar_format = "{desc} {percentage:3.0f}% |{bar}| {elapsed}<{remaining}"
    silent = args.quiet or args.json or None  # None: only where somebody watches
    with tqdm(total=1.0, desc=job.name, leave=False, disable=silent, bar_format=bar_format) as bar:
        result = restore(
            job.image,
            job.mask,
            model=network,
            options=options,
            quality=args.quality,
            seed=args.seed,
            progress=lambda fraction: bar.update(fraction - bar.n),
        )
    seconds = time.perf_counter() - start
    unit = scaler(job)
    measured = None
    if job.truth is not None:
        measured = evaluate(unit(result.image), unit(job.truth), job.mask)
    title = f"{job.name}: {job.holes}, {100 * job.mask.mean():.1f} % missing"
    if measured is not None:
        title += f"; hole PSNR {measured.hole_psnr:.2f} dB"
    panel = draw_panel(
        known_only(unit(job.image), job.mask),
        job.mask,
        unit(result.image),
        result.rate_maps,
        None if job.truth is None else unit(job.truth),
        title,
    )
    write_image(job.restored, result.image)
    write_whole(job.panel, panel)
    return result, measured, seconds


def scaler(job: Job) -> Callable[[NDArray], NDArray[np.float64]]:
    """How the values of a job's images are mapped to [0, 1], for measuring and drawing."""
    low, span = unit_range(job.image, job.mask)

    def unit(image: NDArray) -> NDArray[np.float64]:
        return to_float(image) if image.dtype.kind == "u" else (image - low) / span

    return unit


def known_only(image: NDArray, mask: NDArray[np.bool_]) -> NDArray:
    """Zero in place of missing pixels, which may hold anything."""
    return np.where(mask.reshape(*mask.shape, *[1] * (image.ndim - 2)), 0, image)


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
    lines.append(f"  saved {job.restored} and {job.panel.name}")
    return "\n".join(lines)


def baselines(job: Job) -> dict[str, Evaluation]:
    """What classical fills reach on the same hole."""
    assert job.truth is not None
    fills: dict[str, Callable] = {"mean of known pixels": mean_fill, "harmonic": harmonic_fill}
    if np.count_nonzero(job.mask) <= BIHARMONIC_LIMIT:
        fills["biharmonic (scikit-image)"] = biharmonic_fill
    unit = scaler(job)
    known = known_only(unit(job.image), job.mask).reshape(*job.mask.shape, -1)
    rows = {}
    for name, fill in fills.items():
        filled = np.clip(fill(known, job.mask), 0, 1).reshape(job.image.shape)
        if job.image.dtype.kind == "u":
            filled = to_float(from_float(filled, job.image.dtype))
        rows[name] = evaluate(filled, unit(job.truth), job.mask)
    return rows


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and restore every image; errors of one do not stop the others."""
    args = parser().parse_args(argv)
    if args.mask is not None and (args.mask_kind is not None or args.coverage is not None):
        raise InputError("--mask says what is missing; leave out --mask-kind and --coverage")
    if args.truth is not None and args.mask is None:
        raise InputError("--truth needs --mask; with --mask-kind the image itself is the truth")
    if args.truth is not None and len(args.images) != 1:
        raise InputError("--truth goes with exactly one image")
    if args.images and args.mask is None and args.mask_kind is None:
        raise InputError(
            "say what is missing: --mask MASK, or --mask-kind "
            f"{'|'.join(MASK_KINDS)} to make holes and measure"
        )
    images = args.images
    if not images:
        images = [embedded_images()[0]]
        if args.mask is None and args.mask_kind is None:
            args.mask_kind = MASK_KINDS[0]
    if args.seed < 0:
        raise InputError(f"--seed is {args.seed}; it must be at least 0")
    names = [path.stem for path in images]
    inputs = {p.resolve() for p in (*images, args.mask, args.truth) if p is not None}
    for path in images:
        if output_path_for(path, args.output).resolve() in inputs:
            raise InputError(f"the result of {path} would replace an input; use another --output")
    if args.output.exists() and not args.output.is_dir():
        raise InputError(f"--output {args.output} is a file; it must be a folder")
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"several images would be saved as {sorted(twice)[0]}_restored")
    options = neuron_options(args)
    network, _ = load_model(model_path(args.model))
    neurons = network.architecture.neurons
    engine = options.engine if neurons == "lif" else neurons
    failed = []
    for path in images:
        try:
            job = prepare(args, path)
            result, measured, seconds = process(job, args, network, options)
        except InputError as error:
            if len(images) == 1:
                raise
            failed.append(path)
            where = "" if path.name in str(error) else f"{path}: "
            print(f"error: {where}{' '.join(str(error).split())}", file=sys.stderr)
            continue
        if args.json:
            row = report_json(job, result, measured, seconds, args.quality, engine)
            print(row, flush=True)
        elif not args.quiet:
            print(report_text(job, result, measured, seconds, args.quality, options), flush=True)
    if failed:
        raise InputError(f"{len(failed)} of {len(images)} images could not be restored")


if __name__ == "__main__":
    run(main)
