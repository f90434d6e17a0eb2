"""Measure models and classical fills on the same holes: ``python -m bio_scnn.evaluate``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from bio_scnn.commands.options import (
    add_coverage_option,
    add_neuron_options,
    add_quiet_option,
    neuron_options,
    run,
)
from bio_scnn.commands.parser import CommandParser
from bio_scnn.commands.progress import Progress
from bio_scnn.commands.report import scores_text
from bio_scnn.data.masks import DEFAULT_COVERAGE, MASK_KINDS
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.restoration.evaluation import find_pictures, summaries
from bio_scnn.restoration.methods import network, peers
from bio_scnn.runtime.files import encodable, finite

EPILOG = """\
examples:
  python -m bio_scnn.evaluate --data photos/
      the shipped model and the classical fills on 256 x 256 crops
  python -m bio_scnn.evaluate --data photos/ --model inpaint paper --crops 32
  python -m bio_scnn.evaluate --data photos/ --size 0 --engine closed-form
      whole photographs; without noise both engines give the same rates to rounding error
  python -m bio_scnn.evaluate --data photos/ --quality best --coverage 0.4 --grey
  python -m bio_scnn.evaluate --data photos/ --readout count --duration 100
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser(
        "evaluate",
        "Restore crops of photographs with models and with classical fills. "
        "Print mean scores for each kind of mask. Hole PSNR is averaged over pictures. Intervals "
        "come from a bootstrap over photographs.",
        EPILOG,
    )
    p.add_argument(
        "--data", type=Path, metavar="DIR", help="photographs (default: scikit-image's)"
    )
    p.add_argument(
        "--model", nargs="+", default=["inpaint"], help="names of shipped models, or model files"
    )
    p.add_argument(
        "--crops", type=int, metavar="N", help="total number of crops (default: 2 per image)"
    )
    p.add_argument(
        "--size",
        type=int,
        default=256,
        help="side of a crop in pixels; 0 uses whole pictures (default: 256)",
    )
    add_coverage_option(p)
    p.add_argument("--grey", action="store_true", help="convert the pictures to grey first")
    p.add_argument("--seed", type=int, default=0, help="seed of crops and masks (default: 0)")
    add_neuron_options(p.add_argument_group("neurons"))
    p.add_argument("--json", action="store_true", help="print one JSON object instead of tables")
    add_quiet_option(p, "the scores only, no progress")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, print."""
    args = parser().parse_args(argv)
    if (
        (args.size and args.size < 8)
        or args.seed < 0
        or (args.crops is not None and args.crops < 1)
    ):
        raise InputError("--size must be at least 8 (or 0), --crops at least 1, --seed at least 0")
    options = neuron_options(args)
    methods = peers()
    without_neurons = []
    for name in args.model:
        model, _ = load_model(model_path(name))
        methods[f"bio_scnn {name}"] = network(model, options, args.quality)
        if not model.unit.simulated:
            without_neurons.append(name)
    skipped: list[tuple[Path, str]] = []
    pictures, photograph = find_pictures(
        args.data, args.size, args.crops, args.seed, skipped, grey=args.grey
    )
    for _, reason in () if args.quiet else skipped:
        print(f"passed over: {encodable(reason)}", file=sys.stderr)
    number = len(MASK_KINDS) * len(pictures) * len(methods)
    with Progress(number, "evaluate", quiet=args.quiet) as bar:
        report = summaries(
            methods, pictures, photograph, args.seed, args.coverage, scored=bar.update
        )
    if args.json:
        found = {
            "pictures": len(pictures),
            "photographs": int(photograph.max()) + 1,
            "size": args.size,
            "grey": args.grey,
            "coverage": args.coverage or DEFAULT_COVERAGE,
            "seed": args.seed,
            "quality": args.quality,
            "engine": options.engine,
            "scores": report,
        }
        print(json.dumps(finite(found), allow_nan=False))
        return
    what = f"crops of {args.size} x {args.size}" if args.size else "whole pictures"
    shade = ", grey" if args.grey else ""
    simulated = "nothing simulated" if options.engine == "closed-form" else "every spike simulated"
    if without_neurons and options.engine == "brian2":
        simulated += f" ({', '.join(without_neurons)}: no LIF neurons)"
    print(
        f"{len(pictures)} {what}{shade}, seed {args.seed}; quality {args.quality}, {simulated}; "
        f"95 % intervals over {photograph.max() + 1} photographs"
    )
    for kind, table in report.items():
        print(f"\n{scores_text(kind, table)}")


if __name__ == "__main__":
    run(main)
