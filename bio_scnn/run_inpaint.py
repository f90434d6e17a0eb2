"""Restore images from the command line: ``python -m bio_scnn.run_inpaint``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from bio_scnn.commands.batch import (
    check_results,
    find_pictures,
    model_of,
    of_picture,
    outcomes,
)
from bio_scnn.commands.fingerprint import is_done
from bio_scnn.commands.options import (
    add_hole_options,
    add_model_option,
    add_neuron_options,
    add_quiet_option,
    add_reading_options,
    add_scheduler_option,
    check_holes,
    check_least,
    neuron_options,
    run,
)
from bio_scnn.commands.parser import CommandParser
from bio_scnn.data.datasets import left_out
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.errors import InputError
from bio_scnn.restoration.outputs import names_a_file
from bio_scnn.restoration.request import PROPOSED, Request
from bio_scnn.runtime.files import encodable
from bio_scnn.runtime.places import open_place

EPILOG = """\
examples:
  python -m bio_scnn.run_inpaint
      restore a photograph that comes with scikit-image
  python -m bio_scnn.run_inpaint photo.jpg --mask scratches.png
      scratches.png is a painted copy of photo.jpg, or white where a pixel is missing;
      --mask-invert if it is black there, --mask-grow 2 for soft edges
  python -m bio_scnn.run_inpaint photo.jpg --mask auto
      propose a mask for scratches and dust; nothing is restored without --yes
  python -m bio_scnn.run_inpaint photos/ --mask masks/
      restore each picture with the mask of the same name
  python -m bio_scnn.run_inpaint heights.tif --mask nodata --nodata -9999 -o filled.tif
      fill the pixels that hold no data, and save the result as filled.tif
  python -m bio_scnn.run_inpaint *.jpg --mask-kind boxes --coverage 0.1 --seed 7
      draw holes into pictures, restore them, and measure the errors
  python -m bio_scnn.run_inpaint photos/ --mask-kind strokes --jobs 2 --skip-done
      all pictures of a folder, two at a time; run it again to continue after an interruption
  python -m bio_scnn.run_inpaint photos/ --mask-kind strokes --scheduler tcp://host:8786
      on the workers of a Dask cluster; they need none of your files
  python -m bio_scnn.run_inpaint photo.jpg --mask scratches.png --quality best
      average eight orientations, each simulated; --quality fast simulates nothing
  python -m bio_scnn.run_inpaint damaged.png --mask holes.png --truth original.png --json
      measure the errors against original.png, and print one JSON object
  python -m bio_scnn.run_inpaint --readout count --duration 200 --noise 0.1
      count spikes over 200 ms under coloured current noise
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser(
        "run_inpaint",
        "Restore missing pixels with a hybrid network. Brian2 simulates every spike "
        "of its first layer.",
        EPILOG,
    )
    p.add_argument(
        "images", nargs="*", type=Path, metavar="IMAGE", help="images or folders to restore"
    )
    add_reading_options(p.add_argument_group("reading"))
    holes = p.add_argument_group("holes")
    add_hole_options(holes)
    holes.add_argument(
        "--yes", action="store_true",
        help="with --mask auto: restore with the proposed mask at once",
    )  # fmt: skip
    holes.add_argument(
        "--truth",
        type=Path,
        metavar="IMAGE",
        help="the undamaged image, to measure errors against",
    )
    net = p.add_argument_group("network and neurons")
    add_model_option(net)
    add_neuron_options(net)
    out = p.add_argument_group("output")
    out.add_argument(
        "-o", "--output", type=Path, default=Path("restored"), metavar="PATH",
        help="folder of the results; for one picture also the file of its result, such as "
        "result.jpg (default: restored)",
    )  # fmt: skip
    out.add_argument(
        "-j", "--jobs", type=int, default=1, metavar="N",
        help="number of images restored at the same time, in one process each (default: 1)",
    )  # fmt: skip
    add_scheduler_option(out)
    out.add_argument(
        "--skip-done", action="store_true",
        help="skip images that already have complete results with these settings; use it to "
        "continue an interrupted run",
    )  # fmt: skip
    out.add_argument(
        "--overwrite", action="store_true",
        help="replace an earlier result of the same name (default: keep it as NAME-1)",
    )  # fmt: skip
    out.add_argument(
        "--panel", action=argparse.BooleanOptionalAction, default=True,
        help="also save an overview of the restoration, NAME_panel.png (default: yes; drawing it "
        "takes about as long as restoring a small picture)",
    )  # fmt: skip
    out.add_argument(
        "--json", action="store_true", help="print one JSON object per image instead of text"
    )
    add_quiet_option(out)
    return p


def request_of(args: argparse.Namespace) -> Request:
    """The request that a command line makes."""
    return Request(
        mask=args.mask,
        confirmed=args.yes,
        mask_invert=args.mask_invert,
        mask_grow=args.mask_grow,
        max_missing=args.max_missing,
        nodata=args.nodata,
        truth=args.truth,
        mask_kind=args.mask_kind or MASK_KINDS[0],
        coverage=args.coverage,
        seed=args.seed,
        model=args.model,
        options=neuron_options(args),
        quality=args.quality,
        output=args.output,
        one_file=names_a_file(args.output),
        overwrite=args.overwrite,
        panel=args.panel,
        report="json" if args.json else "none" if args.quiet else "text",
        page=args.page,
        max_pixels=args.max_pixels,
    )


def check(args: argparse.Namespace, images: Sequence[Path]) -> None:
    """Refuse what cannot be meant, before anything is written."""
    if args.truth is not None and args.mask is None:
        raise InputError("--truth needs --mask; with --mask-kind the image itself is the truth")
    if args.truth is not None and len(images) != 1:
        raise InputError("--truth goes with exactly one image")
    if args.yes and PROPOSED not in (args.mask or ()):
        raise InputError("--yes goes with --mask auto: it accepts a mask that is proposed")
    check_holes(args, given=bool(args.images))
    check_least(args, seed=0, jobs=1, page=1, max_pixels=1)
    check_results(images, request_of(args))


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and restore every image; errors of one do not stop the others."""
    args = parser().parse_args(argv)
    images = find_pictures(args.images, args.mask or (), args.output)
    check(args, images)
    request = request_of(args)
    model_of(request.model)  # what is wrong with it is wrong for all images
    todo = left_to_do(images, request) if args.skip_done else images
    if len(todo) < len(images) and not args.quiet:
        print(f"{len(images) - len(todo)} of {len(images)} are done", file=sys.stderr)
    for folder in args.images:
        if not args.quiet and folder.is_dir() and (left := left_out(folder)):
            line = f"{folder}: {left}; save them as PNG, JPEG or TIFF"
            print(f"warning: {encodable(line)}", file=sys.stderr)
    failed = 0
    with open_place(args.jobs, args.scheduler) as where:
        for outcome in outcomes(todo, request, where, only=len(images) == 1):
            if not args.quiet:
                for line in outcome.warnings:
                    tqdm.write(f"warning: {encodable(line)}", file=sys.stderr)
            if outcome.error:
                if len(images) == 1:
                    raise InputError(outcome.error)
                failed += 1
                tqdm.write(f"error: {encodable(outcome.error)}", file=sys.stderr)
            elif request.report != "none":
                tqdm.write(encodable(outcome.report))
                sys.stdout.flush()
    if failed:
        raise InputError(f"{failed} of {len(images)} images could not be restored")


def left_to_do(images: Sequence[Path], request: Request) -> list[Path]:
    """Images whose results are not there, not complete, or of other settings."""
    left = []
    for path in images:
        try:
            done = is_done(path, of_picture(path, request, only=len(images) == 1))
        except InputError:  # is told where it is restored
            done = False
        if not done:
            left.append(path)
    return left


if __name__ == "__main__":
    run(main)
