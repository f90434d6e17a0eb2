"""The photographs that the models were trained on, fetched: ``python -m bio_scnn.photographs``.

The photographs are parts of Debian packages under free licences. ``data/photographs.toml`` lists
each with its package, author, licence and checksum. This command fetches them, checks them, and
writes them as JPEG.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bio_scnn.commands.options import add_quiet_option, run
from bio_scnn.commands.parser import CommandParser
from bio_scnn.commands.progress import Progress
from bio_scnn.data.debian import assemble, download, read_manifest
from bio_scnn.errors import InputError

EPILOG = """\
examples:
  python -m bio_scnn.photographs -o photos/train
      download the packages with apt-get and write the training photographs
  python -m bio_scnn.photographs -o photos/val --val
      the same for the validation photographs
  python -m bio_scnn.photographs -o photos/train --packages debs/
      take the packages from a folder, if apt-get is not available
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser(
        "photographs",
        "Fetch the photographs that the shipped models were trained on, and write them as JPEG.",
        EPILOG,
    )
    p.add_argument(
        "-o", "--output", type=Path, metavar="DIR", required=True, help="folder to write to"
    )
    p.add_argument("--val", action="store_true", help="write the validation photographs instead")
    p.add_argument(
        "--packages", type=Path, metavar="DIR", help="folder of downloaded packages (*.deb)"
    )
    add_quiet_option(p)
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, fetch, write."""
    args = parser().parse_args(argv)
    manifest = read_manifest()
    photographs = manifest.val if args.val else manifest.train
    needed = {photograph.package for photograph in photographs}
    with tempfile.TemporaryDirectory() as scratch:
        if args.packages is None:
            versions = {name: manifest.packages[name] for name in sorted(needed)}
            if not args.quiet:
                print(f"downloading {len(versions)} packages with apt-get", file=sys.stderr)
            with Progress(len(versions), "packages", quiet=args.quiet) as bar:
                packages = download(versions, Path(scratch), lambda name: bar.update(1, name))
        else:
            packages = sorted(args.packages.glob("*.deb"))
            if not packages:
                raise InputError(f"{args.packages}: there are no packages (*.deb) in this folder")
        with Progress(len(photographs), "photographs", quiet=args.quiet) as bar:
            assemble(photographs, packages, args.output, lambda name: bar.update(1, name))
    if not args.quiet:
        print(f"wrote {len(photographs)} photographs and ATTRIBUTION.md to {args.output}")


if __name__ == "__main__":
    run(main)
