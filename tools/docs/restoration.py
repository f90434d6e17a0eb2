"""The page docs/restoration.md: is the network ever much worse than the classical fills?

Every photograph of a folder is restored at several sizes, in colour and in grey, with every kind
and amount of holes, and compared with the better of the harmonic and the biharmonic fill: the
better one of each single case, which nobody can know beforehand. Writes docs/restoration.md, all
scores as JSON, and a picture of the worst cases. What has been measured is not measured again:
``python -m tools.docs.restoration --data DIR``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from bio_scnn.commands.options import run
from bio_scnn.data.datasets import find_images
from bio_scnn.errors import InputError
from bio_scnn.network.options import ENGINES
from bio_scnn.runtime.files import write_whole
from tools.docs import DOCS
from tools.docs._restoration_cases import Restorer, Scores, cases, measure
from tools.docs._restoration_page import page
from tools.docs._restoration_worst import contact_sheet, strips, worst

SIZES = (64, 256, 1024, 2048)
COVERAGES = (0.01, 0.05, 0.10, 0.20, 0.40)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(description="Compare the network with the classical fills.")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="photographs")
    p.add_argument("--model", default="inpaint", help="a shipped model's name or a file")
    p.add_argument("--engine", choices=ENGINES, default="closed-form", help="default: closed-form")
    p.add_argument("--quality", choices=("default", "best"), default="default")
    p.add_argument("--photographs", type=int, metavar="N", help="only the first N")
    p.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="PX")
    p.add_argument("--coverages", type=float, nargs="+", default=COVERAGES, metavar="FRACTION")
    p.add_argument(
        "-o", "--output", type=Path, default=DOCS / "restoration",
        metavar="DIR", help="folder of scores and picture; the page is DIR.md",
    )  # fmt: skip
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Measure what is missing, and write the page and the picture."""
    args = parser().parse_args(argv)
    images = find_images(args.data)[: args.photographs]
    if len({path.name for path in images}) < len(images):
        raise InputError(f"{args.data} has several photographs of one name; rename them")
    wanted = cases(args.sizes, args.coverages)
    restorer = Restorer(args)
    file = args.output / "scores.json"
    scores: Scores = {}
    if file.exists():
        found = json.loads(file.read_text("utf-8"))
        if found["settings"] != restorer.settings:
            raise InputError(f"{file} is of another model or engine; move it away")
        scores = found["hole_psnr"]
    measure(restorer, images, wanted, scores, file)
    rows = strips(restorer, worst(scores, images, wanted), scores)
    write_whole(args.output / "worst.png", contact_sheet(rows))
    command = "python -m tools.docs.restoration --data PHOTOGRAPHS"
    for option, usual, value in (
        ("--model", "inpaint", Path(args.model).name),
        ("--engine", "closed-form", args.engine),
        ("--quality", "default", args.quality),
        ("--photographs", None, args.photographs),
        ("--sizes", SIZES, args.sizes),
        ("--coverages", COVERAGES, args.coverages),
    ):
        if value != usual:
            values = value if isinstance(value, list) else [value]
            command += f" {option} {' '.join(str(item) for item in values)}"
    text = page(restorer.settings, images, wanted, scores, args.output, command)
    write_whole(args.output.with_suffix(".md"), text.encode())
    print(text)


if __name__ == "__main__":
    run(main)
