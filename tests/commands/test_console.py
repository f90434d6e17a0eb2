"""The console command: lists, versions, suggestions, one meaning for each option, progress."""

import argparse
import importlib
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import bio_scnn.__main__ as console
from bio_scnn.commands import parser as parsers
from bio_scnn.commands.progress import Progress
from bio_scnn.commands.versions import versions_text
from bio_scnn.errors import InputError

ROOT = Path(__file__).resolve().parent.parent.parent
MODULES = {
    name: module
    for name, module in parsers.COMMANDS.items()
    if (ROOT / "bio_scnn" / f"{module}.py").is_file()
}
# Options that differ between commands, and why.
DIFFERENT = {
    "--max-pixels": "app holds a picture in memory as long as its page is open",
    "--model": "evaluate takes several",
    "--val": "a folder in train, a choice in photographs",
    "--output": "a folder is needed in photographs; a file in explore",
    "--duration": "explore has a default, which does not depend on a readout",
    "--dt": "explore records V at this step; validate has a neuron's own",
    "--jobs": "train computes as many shards as there are",
    "--seed": "train has that of its configuration",
}


def command_line(module):
    return importlib.import_module(f"bio_scnn.{module}").parser()


def test_the_entry_point_is_the_module():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert scripts == {"bio-scnn": "bio_scnn.__main__:main"}
    assert callable(console.main)


def test_help_lists_the_commands_and_loads_nothing_heavy():
    heavy = {"brian2", "matplotlib", "torch", "scipy.sparse", "scipy.ndimage", "skimage"}
    code = (
        "import sys; from bio_scnn.__main__ import dispatch; dispatch(['--help']);"
        f"print({heavy} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    *page, loaded = done.stdout.splitlines()
    assert loaded == "set()"
    listed = re.findall(r"^  (\w+)  ", "\n".join(page), re.M)
    assert set(listed) == {*MODULES, "figures"}


@pytest.mark.parametrize(
    ("word", "reply"),
    [
        ("inpiant", "there is no command inpiant; did you mean inpaint?"),
        ("run_inpaint", "there is no command run_inpaint; did you mean inpaint?"),
        ("restore", "there is no command restore; did you mean inpaint?"),
        ("qqqq", "there is no command qqqq; choose from inpaint, validate, "),
        ("--mask", "--mask needs a command before it: bio-scnn COMMAND --mask"),
        (__file__, f"name a command before {__file__}: bio-scnn inpaint "),
    ],
)
def test_a_misspelt_command_is_answered_with_the_right_one(word, reply):
    with pytest.raises(InputError) as error:
        console.dispatch([word])
    assert str(error.value).startswith(reply)


def test_figures_need_a_checkout(monkeypatch, tmp_path):
    assert "figures" in console.available()
    monkeypatch.setattr(console, "CHECKOUT", tmp_path)
    assert "figures" not in console.available()
    with pytest.raises(InputError, match="from a checkout of the sources: make figures"):
        console.dispatch(["figures"])


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--maks", "a.png"], "there is no option --maks; did you mean --mask?"),
        (["--qality=best"], "there is no option --qality; did you mean --quality?"),
        (["--quality", "bset"], "'bset' (choose from fast, default, best); did you mean best?"),
        (["--zzz"], "there is no option --zzz "),
    ],
)
def test_a_misspelt_option_is_answered_with_the_right_one(words, line, capsys):
    with pytest.raises(SystemExit) as end:
        command_line("run_inpaint").parse_args(words)
    assert end.value.code == 2
    printed = capsys.readouterr().err
    assert line in printed.replace("'fast', 'default', 'best'", "fast, default, best")
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1


def test_words_of_other_frameworks_lead_to_the_option(capsys):
    with pytest.raises(SystemExit):
        command_line("validate").parse_args(["layer.py:layer", "--beta", "0.9"])
    assert "no option --beta; did you mean --decay?" in capsys.readouterr().err


def test_an_argument_too_many_is_named(capsys):
    with pytest.raises(SystemExit):
        command_line("train").parse_args(["photos", "--quiet"])
    assert capsys.readouterr().err.startswith("error: too many arguments: photos (")


@pytest.mark.parametrize(("name", "module"), MODULES.items())
def test_every_command_has_three_examples_in_the_words_it_was_called_by(name, module, monkeypatch):
    for called, start in (
        ("/usr/bin/bio-scnn", f"bio-scnn {name}"),
        ("somewhere/bio_scnn/__main__.py", f"bio-scnn {name}"),
        (f"somewhere/bio_scnn/{module}.py", f"python -m bio_scnn.{module}"),
    ):
        monkeypatch.setattr(sys, "argv", [called])
        text = command_line(module).format_help()
        assert text.startswith(f"usage: {start}")
        examples = re.findall(r"^  (?:python -m bio_scnn\.|bio-scnn ).*$", text, re.M)
        assert len(examples) >= 3
        assert all(line.startswith(f"  {start}") for line in examples)


def test_options_mean_the_same_in_every_command():
    """Same short name, kind, number of values and placeholder; or a reason is given above."""
    seen = {}
    for module in MODULES.values():
        for action in command_line(module)._actions:
            if action.option_strings:
                name = max(action.option_strings, key=len)
                kind = (
                    frozenset(action.option_strings),
                    type(action),
                    action.nargs,
                    action.type,
                    action.metavar,
                    str(action.default),
                    action.required,
                )
                seen.setdefault(name, {})[module] = kind
    assert {"--help", "--version", "--quiet"} == {
        name for name, kinds in seen.items() if len(kinds) == len(MODULES)
    }
    odd = {name for name, kinds in seen.items() if len(set(kinds.values())) > 1}
    assert odd == DIFFERENT.keys()
    assert all(DIFFERENT.values())
    for name, kinds in seen.items():
        assert len({kind[0] for kind in kinds.values()}) == 1, f"{name} has two short names"


def test_versions_name_everything_that_matters(capsys):
    text = versions_text()
    assert text.startswith("bio_scnn ")
    rows = dict(re.findall(r"^  (\S+) +(.+)$", text, re.M))
    for name in ("numpy", "scipy", "brian2", "scikit-image", "safetensors"):
        assert rows[name] == importlib.metadata.version(name)
    assert rows["python"].endswith(sys.version.split()[0])
    assert re.search(r"\d+ threads", rows["BLAS"])
    assert "pytest" not in rows
    with pytest.raises(SystemExit) as end:
        command_line("train").parse_args(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == text


def test_progress_in_a_pipe_is_a_line_now_and_then(capsys):
    with Progress(4, "checks", quiet=False, line_every_s=0) as bar:
        bar.update(1, "fi_curve")
        bar.update(1)
    with Progress(4, "checks", quiet=False) as bar:
        bar.update()
    with Progress(4, "checks", quiet=True, line_every_s=0) as bar:
        bar.update()
    assert bar.n == 1
    out, err = capsys.readouterr()
    assert not out
    assert err == "checks: 25 % after 0 s (fi_curve)\nchecks: 50 % after 0 s\n"


def test_install_hints_need_no_package_index_to_have_this_package():
    files = sorted((ROOT / "bio_scnn").rglob("*.py"))
    assert files
    hint = re.compile(r"pip install[^\n]*bio[-_]scnn\[")
    assert not [path.name for path in files if hint.search(path.read_text("utf-8"))]


def test_a_parser_takes_what_argparse_takes():
    """Abbreviations, and options between positional arguments."""
    args = command_line("run_inpaint").parse_args(["a.png", "--qual", "best", "--mask", "m.png"])
    assert (args.quality, args.images) == ("best", [Path("a.png")])
    assert isinstance(command_line("train"), argparse.ArgumentParser)
