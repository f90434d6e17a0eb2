"""Draw every figure and table: ``python figures``, with the options of the scripts."""

from __future__ import annotations

import importlib
import time

from common import FOLDER, parser
from tqdm import tqdm

from bio_scnn.cli import run


def main() -> None:
    """Run every script with the same options."""
    args = parser(__doc__, photographs=True).parse_args()
    started = time.monotonic()
    names = sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if path.stem != "common")
    for name in tqdm(names, disable=None):
        tqdm.write(f"[{time.monotonic() - started:3.0f} s] {name}")
        importlib.import_module(name).main(args)


if __name__ == "__main__":
    run(main)
