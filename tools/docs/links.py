"""Check of a built site: every link and picture leads to a file, and every anchor exists.

``python -m tools.docs.links docs/_build/html``; links to other sites are not followed.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bio_scnn.commands.options import run
from bio_scnn.errors import InputError


class _Page(HTMLParser):
    """Addresses that a page names, and anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.addresses.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


@functools.cache
def _page(path: Path) -> _Page:
    return _Page(path.read_text("utf-8"))


def broken(site: Path) -> list[str]:
    """Lines that name a page and an address in it which leads nowhere."""
    site, found = site.resolve(), []
    for path in sorted(site.rglob("*.html")):
        for address in dict.fromkeys(_page(path).addresses):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not (there.is_file() and there.is_relative_to(site)) or (
                parts.fragment
                and there.suffix == ".html"
                and unquote(parts.fragment) not in _page(there).anchors
            ):
                found.append(f"{path.relative_to(site)}: {address}")
    return found


def main(argv: Sequence[str] | None = None) -> None:
    """Check a site, and end with an error if a link is broken."""
    p = argparse.ArgumentParser(prog="python -m tools.docs.links", description=__doc__)
    p.add_argument("site", type=Path, metavar="DIR", help="folder of the built site")
    site = p.parse_args(argv).site
    pages = len(list(site.rglob("*.html")))
    if not pages:
        raise InputError(f"{site}: there are no pages in this folder; make docs builds them")
    if found := broken(site):
        print("\n".join(found))
        raise InputError(f"{len(found)} links lead nowhere")
    print(f"all links of {pages} pages lead somewhere")


if __name__ == "__main__":
    run(main)
