"""Options that several command lines share, and the function that runs a command line."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from bio_scnn.commands.signals import Terminated, end_cleanly
from bio_scnn.data.limits import MAX_PIXELS
from bio_scnn.data.mask_files import HOW_TO, MOST_MISSING, MUCH_MISSING
from bio_scnn.data.masks import DEFAULT_COVERAGE, MASK_KINDS
from bio_scnn.errors import InputError
from bio_scnn.network.options import (
    ENGINES,
    QUALITIES,
    READOUTS,
    SpikingOptions,
    spiking_options,
)
from bio_scnn.runtime.files import encodable


def add_hole_options(group: argparse._ActionsContainer) -> None:
    """Add the options that say which pixels are missing."""
    group.add_argument(
        "--mask", type=Path, action="append", metavar="MASK",
        help="the missing pixels: (1) a copy of the picture, painted over in any colour or "
        "erased; (2) an image that is white where a pixel is missing and black elsewhere; "
        "(3) a folder of such files, named like the pictures (NAME.png, NAME_mask.png); (4) auto, "
        "to propose a mask for scratches and dust; (5) nodata, for the pixels without data. "
        "Repeat the option to give one mask for each page",
    )  # fmt: skip
    group.add_argument("--mask-invert", action="store_true", help="invert the mask")
    group.add_argument(
        "--mask-grow", type=int, default=0, metavar="N",
        help="enlarge the mask by N pixels, such as 1 or 2 for soft edges (default: 0)",
    )  # fmt: skip
    group.add_argument(
        "--max-missing", type=float, default=MOST_MISSING, metavar="FRACTION",
        help="refuse a mask with a larger fraction of missing pixels; above "
        f"{MUCH_MISSING:g} a warning appears (default: {MOST_MISSING:g})",
    )  # fmt: skip
    group.add_argument(
        "--nodata", type=float, metavar="VALUE",
        help="pixels of this value hold no data: they are not used to restore others, and they "
        "keep their value (default: the no-data value of the TIFF file; NaN and infinities never "
        "hold data)",
    )  # fmt: skip
    group.add_argument(
        "--mask-kind", choices=MASK_KINDS,
        help="for a trial: draw holes of this kind into an undamaged picture, and measure errors",
    )  # fmt: skip
    add_coverage_option(group)
    group.add_argument(
        "--seed", type=int, default=0, help="random seed of mask and noise (default: 0)"
    )


def add_coverage_option(group: argparse._ActionsContainer) -> None:
    """Add the option for the fraction of missing pixels."""
    usual = ", ".join(f"{k} {v}" for k, v in DEFAULT_COVERAGE.items())
    group.add_argument(
        "--coverage", type=float, help=f"fraction of missing pixels (default: {usual})"
    )


def add_reading_options(group: argparse._ActionsContainer, *, all_pages: bool = True) -> None:
    """Add the options for reading picture files; `all_pages`: all of them without --page."""
    group.add_argument(
        "--page", type=int, metavar="N",
        help="restore only this page or frame, counted from 1 (default: "
        f"{'all' if all_pages else 'the first'})",
    )  # fmt: skip
    group.add_argument(
        "--max-pixels", type=int, default=MAX_PIXELS, metavar="N",
        help="refuse pictures that declare more pixels; this protects against decompression bombs "
        f"(default: {MAX_PIXELS:,})",
    )  # fmt: skip


def add_quiet_option(group: argparse._ActionsContainer, prints: str = "errors only") -> None:
    """Add the option that makes a command quiet; `prints` names what it prints then."""
    group.add_argument("-q", "--quiet", action="store_true", help=f"print {prints}")


def add_model_option(group: argparse._ActionsContainer) -> None:
    """Add the option that names one model."""
    group.add_argument(
        "--model",
        default="inpaint",
        help="name of a shipped model, or a model file (default: inpaint)",
    )


def check_holes(args: argparse.Namespace, *, given: bool) -> None:
    """Refuse contradictory options for holes, and a given image without holes."""
    if args.mask is not None and (args.mask_kind is not None or args.coverage is not None):
        raise InputError("--mask says what is missing; leave out --mask-kind and --coverage")
    if given and args.mask is None and args.mask_kind is None:
        raise InputError(HOW_TO)
    if args.mask is None and (args.mask_invert or args.mask_grow):
        raise InputError("--mask-invert and --mask-grow need --mask; drawn holes are as they are")
    if not 0 < args.max_missing <= 1:
        raise InputError(f"--max-missing is {args.max_missing:g}; give a fraction in (0, 1]")
    check_least(args, mask_grow=0)


def check_least(args: argparse.Namespace, **least: int) -> None:
    """Refuse numbers that are too small."""
    for name, smallest in least.items():
        given = getattr(args, name)
        if given is not None and given < smallest:
            option = name.replace("_", "-")
            raise InputError(f"--{option} is {given}; it must be at least {smallest}")


def add_neuron_options(group: argparse._ActionsContainer) -> None:
    """Add the options of the neurons: quality, engine, readout, time and noise."""
    group.add_argument(
        "--quality",
        choices=QUALITIES,
        default="default",
        help="fast: simulate nothing, take rates from the closed form; default: simulate every "
        "spike; best: restore the picture's eight flips and rotations, simulate every spike, and "
        "average (eight times the neurons and the time)",
    )
    group.add_argument(
        "--engine",
        choices=ENGINES,
        help="brian2 simulates every spike, closed-form simulates nothing (default: brian2; with "
        "--quality fast closed-form)",
    )
    group.add_argument(
        "--readout",
        choices=READOUTS,
        default="isi",
        help="isi: rate from the mean interval between spikes; count: rate from their number "
        "(default: isi)",
    )
    group.add_argument(
        "--duration",
        type=float,
        metavar="MS",
        help="simulated time (default: 20 for isi, 25 for isi with noise, 100 for count)",
    )
    group.add_argument(
        "--dt",
        type=float,
        metavar="MS",
        help="time step (default: 5, the shortest interval between spikes; with --noise 1)",
    )
    group.add_argument(
        "--noise",
        type=float,
        default=0.0,
        metavar="STD",
        help="standard deviation of the coloured current noise (default: 0)",
    )
    group.add_argument(
        "--feature-noise",
        type=float,
        default=0.0,
        metavar="STD",
        help="standard deviation of static noise on the features (default: 0)",
    )


def add_scheduler_option(
    group: argparse._ActionsContainer, needs: str = "only the same version of bio_scnn"
) -> None:
    """Add the option that names the scheduler of a cluster."""
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="use the workers of this Dask scheduler, such as tcp://host:8786, instead of local "
        "processes. Files are read and written on this machine only; a worker needs "
        f"{needs} (see docs/clusters.md)",
    )


def neuron_options(args: argparse.Namespace) -> SpikingOptions:
    """`SpikingOptions` that a command line with `add_neuron_options` was given."""
    return spiking_options(
        args.quality,
        args.engine,
        readout=args.readout,
        duration_ms=args.duration,
        dt_ms=args.dt,
        current_noise=args.noise,
        feature_noise=args.feature_noise,
    )


def open_streams() -> None:
    """Open closed standard streams, and let all of them print any character.

    A file that is opened while they are closed would get their numbers, and with them what
    libraries print.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
        stream = getattr(sys, name)
        if stream is None:
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 # stays open
        elif number > 0 and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def run(main: Callable[[], None]) -> NoReturn:
    """Run a command line: bad input prints one line and exits with 2.

    Ctrl-C exits with 130, SIGTERM with 143, both after partial files are removed.
    """
    open_streams()
    end_cleanly()
    try:
        main()
    except InputError as error:
        print(f"error: {encodable(' '.join(str(error).split()))}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        what = f"{error.filename}: " if error.filename else ""
        print(f"error: {encodable(f'{what}{error.strerror or error}')}", file=sys.stderr)
        sys.exit(2)
    except MemoryError as error:
        why = encodable(" ".join(str(error).split())) or "none is left"
        print(f"error: not enough memory: {why}", file=sys.stderr)
        sys.exit(2)
    except Terminated:
        print("terminated", file=sys.stderr)
        sys.exit(143)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        # Python would look through all objects for garbage before it ends, which takes half a
        # second with Brian2's, and all of them go with the process.
        gc.freeze()
    sys.exit(0)
