"""Restore images from the command line: ``python -m bio_scnn.run_inpaint``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from bio_scnn.commands.batch import check_results, find_pictures, model_of, outcomes
from bio_scnn.commands.options import (
    add_hole_options,
    add_model_option,
    add_neuron_options,
    add_reading_options,
    add_scheduler_option,
    check_holes,
    check_least,
    neuron_options,
    run,
)
from bio_scnn.data.images import output_path_for
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.errors import InputError
from bio_scnn.restoration.job import Request
from bio_scnn.runtime.places import open_place

EPILOG = """\
examples:
  python -m bio_scnn.run_inpaint
      restore a photograph that comes with scikit-image
  python -m bio_scnn.run_inpaint photo.jpg --mask scratches.png
      restore the pixels of photo.jpg where scratches.png is not black
  python -m bio_scnn.run_inpaint *.jpg --mask-kind boxes --coverage 0.1 --seed 7
      make holes in pictures, restore them, and measure how well
  python -m bio_scnn.run_inpaint photos/ --mask-kind strokes --jobs 2 --skip-done
      all pictures of a folder, two at a time; started again, it goes on where it was stopped
  python -m bio_scnn.run_inpaint photos/ --mask-kind strokes --scheduler tcp://host:8786
      on the workers of a Dask cluster, which need no file of yours
  python -m bio_scnn.run_inpaint photo.jpg --mask scratches.png --quality best
      the mean over eight orientations, every one simulated; --quality fast simulates nothing
  python -m bio_scnn.run_inpaint damaged.png --mask holes.png --truth original.png --json
      one JSON object on standard output
  python -m bio_scnn.run_inpaint --readout count --duration 200 --noise 0.1
      count spikes over 200 ms under coloured current noise
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bio_scnn.run_inpaint",
        description="Restore missing pixels with a hybrid network whose first layer is simulated "
        "spike by spike in Brian2.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument(
        "images",
        nargs="*",
        type=Path,
        metavar="IMAGE",
        help="images to restore, or folders of them",
    )
    add_reading_options(p.add_argument_group("reading"))
    holes = p.add_argument_group("holes")
    add_hole_options(holes)
    holes.add_argument(
        "--truth", type=Path, metavar="IMAGE", help="the undamaged image, to measure against"
    )
    net = p.add_argument_group("network and neurons")
    add_model_option(net)
    add_neuron_options(net)
    out = p.add_argument_group("output")
    out.add_argument(
        "-o", "--output", type=Path, default=Path("restored"), metavar="DIR",
        help="folder of the results (default: restored)",
    )  # fmt: skip
    out.add_argument(
        "-j", "--jobs", type=int, default=1, metavar="N",
        help="images restored at the same time, each in a process of its own (default: 1)",
    )  # fmt: skip
    add_scheduler_option(out)
    out.add_argument(
        "--skip-done", action="store_true",
        help="leave out images whose result is there: go on where an earlier run was stopped",
    )  # fmt: skip
    out.add_argument(
        "--panel", action=argparse.BooleanOptionalAction, default=True,
        help="also save a picture of what was done, NAME_panel.png (default: yes; drawing it "
        "takes about as long as restoring a small picture)",
    )  # fmt: skip
    out.add_argument("--json", action="store_true", help="print one JSON object per image instead")
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def request_of(args: argparse.Namespace) -> Request:
    """The request that a command line makes."""
    return Request(
        mask=args.mask,
        truth=args.truth,
        mask_kind=args.mask_kind or MASK_KINDS[0],
        coverage=args.coverage,
        seed=args.seed,
        model=args.model,
        options=neuron_options(args),
        quality=args.quality,
        output=args.output,
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
    check_holes(args, given=bool(args.images))
    check_least(args, seed=0, jobs=1, page=1, max_pixels=1)
    check_results(images, args.output, [args.mask, args.truth])


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and restore every image; errors of one do not stop the others."""
    args = parser().parse_args(argv)
    images = find_pictures(args.images, args.mask)
    check(args, images)
    request = request_of(args)
    model_of(request.model)  # what is wrong with it is wrong for all images
    todo = images
    if args.skip_done:
        todo = [path for path in images if not output_path_for(path, args.output).is_file()]
        if not args.quiet and len(todo) < len(images):
            print(f"{len(images) - len(todo)} of {len(images)} are done", file=sys.stderr)
    failed = 0
    with open_place(args.jobs, args.scheduler) as where:
        for outcome in outcomes(todo, request, where):
            if outcome.error:
                if len(images) == 1:
                    raise InputError(outcome.error)
                failed += 1
                tqdm.write(f"error: {outcome.error}", file=sys.stderr)
            elif request.report != "none":
                tqdm.write(outcome.report)
                sys.stdout.flush()
    if failed:
        raise InputError(f"{failed} of {len(images)} images could not be restored")


if __name__ == "__main__":
    run(main)
