"""Command-line parser: one line for each mistake, with the option that was probably meant."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

CONSOLE = "bio-scnn"
"""The console command; ``python -m bio_scnn`` is the same."""

COMMANDS = {
    "inpaint": "run_inpaint",
    "train": "train",
    "validate": "validate",
    "evaluate": "evaluate",
    "explore": "explore",
    "photographs": "photographs",
    "app": "app",
}
"""Name after ``bio-scnn`` to module of bio_scnn; a module may be missing."""

OTHER_WORDS = {
    "--alpha": "--decay",
    "--beta": "--decay",
    "--v-threshold": "--threshold",
    "brush": "app",
    "check": "validate",
    "restore": "inpaint",
}
"""Names that users of other programs may expect, and the command or option here."""


def program(module: str) -> str:
    """Start of the running command line: ``bio-scnn NAME`` or ``python -m bio_scnn.MODULE``."""
    called = Path(sys.argv[0])
    if called.stem == CONSOLE or called.parts[-2:] == ("bio_scnn", "__main__.py"):
        names = {module: name for name, module in COMMANDS.items()}
        return f"{CONSOLE} {names[module]}"
    return f"python -m bio_scnn.{module}"


def similar(word: str, known: Iterable[str]) -> str:
    """Question that names the word probably meant; empty if none is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


class CommandParser(argparse.ArgumentParser):
    """Parser of one command, with ``--version`` and examples in its help.

    Parameters
    ----------
    module : str
        Module of bio_scnn that has the command, such as ``"train"``.
    description : str
    epilog : str
        Examples, written as ``python -m bio_scnn.MODULE ...``. They are shown as
        ``bio-scnn NAME ...`` if the command was called so.
    """

    def __init__(self, module: str, description: str, epilog: str) -> None:
        start = program(module)
        super().__init__(
            prog=start,
            description=description,
            epilog=epilog.replace(f"python -m bio_scnn.{module}", start),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_argument(
            "--version",
            action=_Version,
            help="print the versions of bio_scnn and of what it uses, and stop",
        )

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; an unknown option ends with the name of the most similar one."""
        found, extra = self.parse_known_args(args, namespace)
        if extra:
            self.error(self._unknown(extra))
        return found

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with 2."""
        # The last choice of a list that argparse prints may be the word that was meant.
        wrong = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
        if wrong:
            message += similar(wrong[1], re.findall(r"[\w.-]+", wrong[2]))
        self.exit(2, f"error: {message} ({self.prog} --help lists the options)\n")

    def _unknown(self, words: Sequence[str]) -> str:
        options = [word.split("=")[0] for word in words if word.startswith("-")]
        if not options:
            return f"too many arguments: {' '.join(words)}"
        known = [name for name in self._option_string_actions if name.startswith("--")]
        meant = OTHER_WORDS.get(options[0], "")
        hint = f"; did you mean {meant}?" if meant in known else similar(options[0], known)
        return f"there is no option {options[0]}{hint}"


class _Version(argparse.Action):
    """Option that prints versions and exits."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from bio_scnn.commands.versions import versions_text

        print(versions_text())
        parser.exit()
