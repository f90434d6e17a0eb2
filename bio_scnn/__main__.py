"""Console command: ``bio-scnn COMMAND ...``, the same as ``python -m bio_scnn COMMAND ...``."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from bio_scnn.commands.options import run
from bio_scnn.commands.parser import COMMANDS, CONSOLE, OTHER_WORDS, similar
from bio_scnn.errors import InputError

PURPOSES = {
    "inpaint": "restore missing pixels of pictures",
    "validate": "check a LIF layer, a program or a recording against the equation",
    "explore": "write a page that shows the neurons of a restored picture",
    "train": "train a network on photographs",
    "evaluate": "measure models and classical fills on photographs",
    "photographs": "fetch the photographs that the models were trained on",
    "figures": "draw the paper's figures and tables",
    "app": "open a page with a brush to paint damage and restore it",
}
CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run the command line; the entry point of ``bio-scnn``."""
    run(functools.partial(dispatch, sys.argv[1:]))


def dispatch(argv: Sequence[str]) -> None:
    """Run the command that is named first, with the other words as its options.

    Raises
    ------
    InputError
        If there is no such command.
    """
    name, *rest = argv or ["--help"]
    if name in ("-h", "--help", "help"):
        print(help_text())
    elif name == "--version":
        from bio_scnn.commands.versions import versions_text

        print(versions_text())
    elif name in available():
        command(name)(rest)
    else:
        raise InputError(refusal(name))


def available() -> list[str]:
    """Names of the commands that this installation has."""
    return [
        name
        for name in PURPOSES
        if (find_spec(f"bio_scnn.{COMMANDS[name]}") if name in COMMANDS else _has_figures())
    ]


def command(name: str) -> Callable[[Sequence[str]], None]:
    """Function of a command, whose module is imported now."""
    if name == "figures":  # it is in a checkout only, beside the package
        sys.path.insert(0, str(CHECKOUT))
        module = importlib.import_module("figures.__main__")
    else:
        module = importlib.import_module(f"bio_scnn.{COMMANDS[name]}")
    main: Callable[[Sequence[str]], None] = module.main
    return main


def help_text() -> str:
    """List of the commands, with an example of the main ones."""
    names = available()
    width = max(map(len, names)) + 2
    return "\n".join(
        [
            f"usage: {CONSOLE} COMMAND ...",
            "",
            "Exact LIF neurons, checks of LIF layers, and a network that restores pictures.",
            "",
            "commands:",
            *(f"  {name:{width}}{PURPOSES[name]}" for name in names),
            "",
            "examples:",
            f"  {CONSOLE} inpaint photo.jpg --mask painted.png -o result.png",
            f"  {CONSOLE} validate my_layer.py:layer",
            f"  {CONSOLE} train --steps 20 --output runs/try",
            "",
            f"{CONSOLE} COMMAND --help explains a command. {CONSOLE} --version prints versions.",
        ]
    )


def refusal(word: str) -> str:
    """Sentence that says why a word is no command, and what was probably meant."""
    if word == "figures":
        return "figures are drawn from a checkout of the sources: make figures"
    if word in PURPOSES:
        return f"{word} is not part of this installation"
    modules = {module: name for name, module in COMMANDS.items() if module != name} | OTHER_WORDS
    if word in modules:
        return f"there is no command {word}; did you mean {modules[word]}?"
    if word.startswith("-"):
        return f"{word} needs a command before it: {CONSOLE} COMMAND {word}"
    if Path(word).exists():
        return f"name a command before {word}: {CONSOLE} inpaint {word} --mask MASK"
    guess = similar(word, available())
    return f"there is no command {word}{guess or '; choose from ' + ', '.join(available())}"


def _has_figures() -> bool:
    return (CHECKOUT / "figures" / "__main__.py").is_file()


if __name__ == "__main__":
    main()
