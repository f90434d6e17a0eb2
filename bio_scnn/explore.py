"""A page on which a restored picture's neurons are looked at: ``python -m bio_scnn.explore``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from bio_scnn.commands.options import add_hole_options, check_holes, picture_bar, run
from bio_scnn.data.datasets import embedded_images
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.errors import InputError
from bio_scnn.explorer.page import Picture, explore_page
from bio_scnn.explorer.window import Window, record_window
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.job import known_only, prepare, scaler
from bio_scnn.restoration.metrics import evaluate
from bio_scnn.runtime.files import write_whole

LARGEST = 32e6  # bytes of traces in a page; a browser would take long over more

EPILOG = """\
examples:
  python -m bio_scnn.explore
      a photograph that comes with scikit-image: restored/astronaut_neurons.html
  python -m bio_scnn.explore photo.jpg --mask scratches.png -o page.html
      the pixels of photo.jpg where scratches.png is not black are restored
  python -m bio_scnn.explore photo.jpg --mask-kind boxes --seed 7 --at 120 200
      make holes, and look at the neurons around row 120, column 200
  python -m bio_scnn.explore --noise 0.5 --duration 50 --window 24
      under coloured current noise, for longer
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bio_scnn.explore",
        description="Restore a picture and write one HTML page on which a click on a feature map "
        "shows that neuron's current, membrane potential and spikes, simulated in Brian2, next to "
        "their closed form. The page needs neither a server nor a network.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("image", nargs="?", type=Path, metavar="IMAGE", help="image to restore")
    add_hole_options(p.add_argument_group("holes"))
    net = p.add_argument_group("network and neurons")
    net.add_argument(
        "--model", default="inpaint", help="a shipped model's name or a file (default: inpaint)"
    )
    net.add_argument(
        "--duration", type=float, default=25.0, metavar="MS", help="biological time (default: 25)"
    )
    net.add_argument(
        "--dt", type=float, default=0.5, metavar="MS",
        help="time step of the recorded neurons, at which V and I are kept (default: 0.5)",
    )  # fmt: skip
    net.add_argument(
        "--noise", type=float, default=0.0, metavar="STD",
        help="coloured current noise (default: 0)",
    )  # fmt: skip
    shown = p.add_argument_group("what can be looked at")
    shown.add_argument(
        "--window", type=int, default=32, metavar="N",
        help="neurons along a side of the window (default: 32)",
    )  # fmt: skip
    shown.add_argument(
        "--at", type=int, nargs=2, metavar=("ROW", "COLUMN"),
        help="pixel of the picture in its middle (default: across a hole, where there is detail)",
    )  # fmt: skip
    shown.add_argument(
        "--maps", type=int, default=8, metavar="N",
        help="feature maps, those that vary most (default: 8)",
    )  # fmt: skip
    out = p.add_argument_group("output")
    out.add_argument(
        "-o", "--output", type=Path, metavar="PAGE",
        help="the page (default: restored/<image>_neurons.html)",
    )  # fmt: skip
    out.add_argument("--quiet", action="store_true", help="print errors only")
    return p


def checked(args: argparse.Namespace) -> tuple[Path, Path]:
    """Paths of the image and of the page; what cannot be meant is refused."""
    check_holes(args, given=args.image is not None)
    for name, least in (("seed", 0), ("window", 1), ("maps", 1)):
        if getattr(args, name) < least:
            raise InputError(f"--{name} is {getattr(args, name)}; it must be at least {least}")
    image = args.image or embedded_images()[0]
    page = args.output or Path("restored", f"{image.stem}_neurons.html")
    if page.is_dir():
        raise InputError(f"--output {page} is a folder; name a file, such as {page / 'page.html'}")
    if page.resolve() in {path.resolve() for path in (image, args.mask) if path is not None}:
        raise InputError(f"--output {page} would replace an input; name another file")
    return image, page


def check_size(
    args: argparse.Namespace, shape: tuple[int, ...], architecture: Architecture
) -> None:
    """Refuse what would make a page that no browser likes."""
    rows, columns = (min(args.window, -(-side // architecture.fold)) for side in shape)
    neurons = rows * columns * min(args.maps, architecture.channels)
    # A sample of V and of I takes 16 bits; the rest is about as much as 2 bytes a millisecond for
    # the spikes, and 32.
    size = neurons * (4 * args.duration / args.dt + 2 * args.duration + 32)
    if size > LARGEST:
        raise InputError(
            f"the traces would make a page of about {size / 1e6:,.0f} MB; choose a smaller "
            "--window, fewer --maps, a shorter --duration or a longer --dt"
        )


def summary(picture: Picture, window: Window, page: Path, size: int, seconds: float) -> str:
    """What was simulated and written, for a person."""
    rows, columns, maps = window.z.shape
    psnr = "" if picture.hole_psnr is None else f"; hole PSNR {picture.hole_psnr:.2f} dB"
    spikes = window.recording.total_spikes
    lines = [
        f"{picture.name}: {picture.holes}, {100 * picture.mask.mean():.1f} % missing{psnr}",
        f"  {rows} x {columns} neurons of {maps} feature maps to look at, {spikes:,} spikes",
    ]
    if not window.noise_std:
        lines.append(
            f"  largest deviation from the closed form: {window.deviation_V.max():.1e} of V, "
            f"{window.deviation_ms.max():.1e} ms of a spike"
        )
    lines.append(f"  {seconds:.1f} s; saved {page} ({size / 1e6:.1f} MB)")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    """Restore the picture, record a window of its neurons, write the page."""
    args = parser().parse_args(argv)
    start = time.perf_counter()
    path, page = checked(args)
    if args.mask is None and args.mask_kind is None:
        args.mask_kind = MASK_KINDS[0]
    traced = SpikingOptions(duration_ms=args.duration, dt_ms=args.dt, current_noise=args.noise)
    network, _ = load_model(model_path(args.model))
    network.unit.require_lif("a page of neurons")
    job = prepare(
        path,
        page.parent,
        mask_path=args.mask,
        mask_kind=args.mask_kind,
        coverage=args.coverage,
        seed=args.seed,
    )
    check_size(args, job.mask.shape, network.architecture)
    # The restoration needs no traces, so it takes the longer step; the spikes are the same.
    options = SpikingOptions(duration_ms=args.duration, current_noise=args.noise)
    with picture_bar(job.name, quiet=args.quiet) as bar:
        restored = restore(
            job.image,
            job.mask,
            model=network,
            options=options,
            seed=args.seed,
            progress=lambda fraction: bar.update(0.9 * fraction - bar.n),
        )
        window = record_window(
            job.image,
            job.mask,
            network,
            traced,
            size=args.window,
            maps=args.maps,
            centre=None if args.at is None else tuple(args.at),
            seed=args.seed,
            progress=lambda fraction: bar.update(0.9 + 0.1 * fraction - bar.n),
        )
    unit = scaler(job)
    truth = None if job.truth is None else unit(job.truth)
    result = unit(restored.image)
    picture = Picture(
        name=job.name,
        holes=job.holes,
        mask=job.mask,
        known=known_only(unit(job.image), job.mask),
        restored=result,
        truth=truth,
        hole_psnr=None if truth is None else evaluate(result, truth, job.mask).hole_psnr,
        neurons=restored.neurons,
        spikes=restored.spikes,
    )
    data = explore_page(picture, window, network.lif).encode(errors="replace")
    write_whole(page, data)
    if not args.quiet:
        print(summary(picture, window, page, len(data), time.perf_counter() - start))


if __name__ == "__main__":
    run(main)
