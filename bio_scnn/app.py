"""Brush in the browser: ``python -m bio_scnn.app``."""

from __future__ import annotations

import argparse
import contextlib
import sys
import webbrowser
from collections.abc import Sequence

from bio_scnn.brush.guard import is_loopback
from bio_scnn.brush.serving import serve
from bio_scnn.brush.sheet import MOST_PIXELS
from bio_scnn.commands.options import add_model_option, check_least, run
from bio_scnn.commands.parser import CommandParser
from bio_scnn.errors import InputError
from bio_scnn.network.checkpoint import model_path

EPILOG = """\
examples:
  python -m bio_scnn.app
      open the page in the browser; end the program with Ctrl-C
  python -m bio_scnn.app --port 8123 --no-browser
      print the address only, as on a machine that is reached by ssh -L 8123:localhost:8123
  python -m bio_scnn.app --model cnn_twin
      restore with another model
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = CommandParser(
        "app",
        "Paint over the damage of a photograph in the browser, restore it, and look "
        "at the neurons. The page is served by this program on this machine; nothing is sent "
        "elsewhere. Needs two more packages: pip install starlette uvicorn",
        EPILOG,
    )
    p.add_argument(
        "--port", type=int, default=0, metavar="N",
        help="port of the page (default: 0, any that is free)",
    )  # fmt: skip
    p.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="address to listen on (default: 127.0.0.1, this machine only)",
    )  # fmt: skip
    p.add_argument("--no-browser", action="store_true", help="open no browser")
    add_model_option(p)
    p.add_argument(
        "--max-pixels", type=int, default=MOST_PIXELS, metavar="N",
        help=f"refuse pictures that declare more pixels (default: {MOST_PIXELS:,})",
    )  # fmt: skip
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Serve the page until Ctrl-C."""
    args = parser().parse_args(argv)
    check_least(args, port=0, max_pixels=1)
    if args.port > 65535:
        raise InputError(f"--port is {args.port}; it must be at most 65535")
    model_path(args.model)
    if not is_loopback(args.host):
        print(
            f"warning: {args.host} can be reached from other machines, and what is sent is not "
            "encrypted; only the secret in the address keeps others out",
            file=sys.stderr,
        )

    def opened(address: str) -> None:
        print(f"{address}\nend with Ctrl-C", flush=True)
        if not args.no_browser:
            webbrowser.open(address)

    with contextlib.suppress(KeyboardInterrupt):  # the usual end
        serve(args.host, args.port, args.model, args.max_pixels, opened)


if __name__ == "__main__":
    run(main)
