"""Page that shows the neurons of a restored picture: ``python -m bio_scnn.explore``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bio_scnn.commands.options import (
    add_hole_options,
    add_model_option,
    add_quiet_option,
    add_reading_options,
    check_holes,
    check_least,
    run,
)
from bio_scnn.commands.parser import CommandParser
from bio_scnn.commands.progress import Progress
from bio_scnn.data.datasets import embedded_images
from bio_scnn.data.mask_files import masks_for
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.errors import InputError
from bio_scnn.explorer.exploration import check_size, explore, summary
from bio_scnn.explorer.page import explore_page
from bio_scnn.explorer.window import View
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.job import prepare
from bio_scnn.restoration.request import PROPOSED, Request
from bio_scnn.runtime.files import encodable, place_of, write_whole

EPILOG = """\
examples:
  python -m bio_scnn.explore
      a photograph that comes with scikit-image: restored/astronaut_neurons.html
  python -m bio_scnn.explore photo.jpg --mask scratches.png -o page.html
      restore the pixels of photo.jpg where scratches.png is white
  python -m bio_scnn.explore photo.jpg --mask-kind boxes --seed 7 --at 120 200
      draw holes, and show the neurons around row 120, column 200
  python -m bio_scnn.explore --noise 0.5 --duration 50 --window 24
      simulate 50 ms with coloured current noise
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser(
        "explore",
        "Restore a picture and write one HTML page. A click on a feature map shows "
        "the current, membrane potential and spikes of that neuron, simulated in Brian2, beside "
        "their closed form. The page needs no server and no network.",
        EPILOG,
    )
    p.add_argument("image", nargs="?", type=Path, metavar="IMAGE", help="image to restore")
    add_reading_options(p.add_argument_group("reading"), all_pages=False)
    add_hole_options(p.add_argument_group("holes"))
    net = p.add_argument_group("network and neurons")
    add_model_option(net)
    net.add_argument(
        "--duration", type=float, default=25.0, metavar="MS", help="simulated time (default: 25)"
    )
    net.add_argument(
        "--dt", type=float, default=0.5, metavar="MS",
        help="time step at which V and I are recorded (default: 0.5)",
    )  # fmt: skip
    net.add_argument(
        "--noise", type=float, default=0.0, metavar="STD",
        help="standard deviation of the coloured current noise (default: 0)",
    )  # fmt: skip
    shown = p.add_argument_group("neurons on the page")
    shown.add_argument(
        "--window", type=int, default=32, metavar="N",
        help="side of the window in neurons (default: 32)",
    )  # fmt: skip
    shown.add_argument(
        "--at", type=int, nargs=2, metavar=("ROW", "COLUMN"),
        help="pixel at the centre of the window (default: at a hole with detail around it)",
    )  # fmt: skip
    shown.add_argument(
        "--maps", type=int, default=8, metavar="N",
        help="number of feature maps; those that vary most are shown (default: 8)",
    )  # fmt: skip
    out = p.add_argument_group("output")
    out.add_argument(
        "-o", "--output", type=Path, metavar="PAGE",
        help="the page (default: restored/<image>_neurons.html)",
    )  # fmt: skip
    add_quiet_option(out)
    return p


def paths_of(args: argparse.Namespace) -> tuple[Path, Path]:
    """Paths of the image and of the page; what cannot be meant is refused."""
    check_holes(args, given=args.image is not None)
    check_least(args, seed=0, window=1, maps=1, page=1, max_pixels=1)
    if PROPOSED in (args.mask or ()):
        raise InputError("--mask auto needs run_inpaint, which writes a proposal to look at")
    image = args.image or embedded_images()[0]
    page = args.output or Path("restored", f"{image.stem}_neurons.html")
    if page.is_dir():
        raise InputError(f"--output {page} is a folder; name a file, such as {page / 'page.html'}")
    inputs = (image, Path(args.model), *(args.mask or ()))
    if place_of(page) in {place_of(path) for path in inputs}:
        raise InputError(f"--output {page} would replace an input; name another file")
    return image, page


def main(argv: Sequence[str] | None = None) -> None:
    """Restore the picture, record a window of its neurons, write the page."""
    args = parser().parse_args(argv)
    start = time.perf_counter()
    path, page = paths_of(args)
    options = SpikingOptions(duration_ms=args.duration, dt_ms=args.dt, current_noise=args.noise)
    request = Request(
        mask=args.mask,
        mask_invert=args.mask_invert,
        mask_grow=args.mask_grow,
        max_missing=args.max_missing,
        nodata=args.nodata,
        mask_kind=args.mask_kind or MASK_KINDS[0],
        coverage=args.coverage,
        seed=args.seed,
        options=replace(options, dt_ms=None),
        page=args.page,
        max_pixels=args.max_pixels,
    )
    view = View(args.window, args.maps, None if args.at is None else tuple(args.at))
    network, _ = load_model(model_path(args.model))
    network.unit.require_lif("a page of neurons")
    if request.masks:
        request = replace(request, mask=masks_for(path, request.masks))
    job = prepare(path, request, (args.page or 1) - 1)
    for line in job.warnings:
        print(f"warning: {encodable(line)}", file=sys.stderr)
    job = job._replace(mask=job.unknown)  # the page shows all that is not known as missing
    check_size(view, job.mask.shape, network, args.duration, args.dt)
    with Progress(1, job.name, quiet=args.quiet) as bar:
        picture, window = explore(
            job, request, network, view, args.dt, lambda fraction: bar.update(fraction - bar.n)
        )
    data = explore_page(picture, window, network.lif).encode(errors="replace")
    write_whole(page, data)
    if not args.quiet:
        seconds = time.perf_counter() - start
        print(encodable("\n".join(summary(picture, window))))
        print(encodable(f"  {seconds:.1f} s; saved {page} ({len(data) / 1e6:.1f} MB)"))


if __name__ == "__main__":
    run(main)
