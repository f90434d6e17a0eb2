"""The project around the code: metadata, environment, commands, and what importing costs."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import pkgutil
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import bio_scnn
from bio_scnn.crossval.checks import check_names, describe

ROOT = Path(__file__).resolve().parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
PYTHONS = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))

# Names on conda-forge that differ from those on PyPI, and what has no counterpart there.
CONDA_NAMES = {"matplotlib-base": "matplotlib", "python-build": "build", "python-neo": "neo"}
CONDA_ONLY = {"python", "pip", "cxx-compiler"}


def conda_requirements() -> dict[str, SpecifierSet]:
    """Names and bounds in environment.yml, which is simple enough to do without a parser."""
    text = (ROOT / "environment.yml").read_text("utf-8")
    items = re.findall(r"^  - ([\w.-]+)(?: ([^\s:]+))?$", text.split("dependencies:")[1], re.M)
    assert len(items) == len(dict(items)), "a package is listed twice"
    return {name: SpecifierSet(bounds) for name, bounds in items}


def python_requirements(python: str) -> dict[str, SpecifierSet]:
    """Names and bounds in the metadata, with the tools of developers, for one Python."""
    lines = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    chosen: dict[str, SpecifierSet] = {}
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or marker.evaluate({"python_version": python}):
            assert requirement.name not in chosen, f"two bounds for {requirement.name}"
            chosen[requirement.name] = requirement.specifier
    return chosen


def run(*arguments: str, cwd: Path | None = None) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(
        arguments, cwd=cwd, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_environment_yml_and_metadata_have_the_same_bounds():
    """Compares text only: no conda was at hand when this was written to solve the environment."""
    conda = conda_requirements()
    pythons = [f"3.{minor}" for minor in range(40) if f"3.{minor}" in conda["python"]]
    assert pythons, "environment.yml allows no Python"
    assert set(pythons) <= set(PYTHONS)
    found = {CONDA_NAMES.get(name, name): s for name, s in conda.items() if name not in CONDA_ONLY}
    for python in pythons:
        assert found == python_requirements(python)


def test_peers_have_one_pair_of_bounds():
    extras = PROJECT["optional-dependencies"]
    bench, validate = (
        {r.name: r.specifier for r in map(Requirement, extras[name])}
        for name in ("bench", "validate")
    )
    shared = bench.keys() & validate.keys()
    assert shared == {"nengo", "nest-simulator", "snntorch"}
    assert all(bench[name] == validate[name] for name in shared)


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_every_place_names_the_same_pythons(python):
    supported = python in PYTHONS
    assert (f"{python}.1" in SpecifierSet(PROJECT["requires-python"])) == supported
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert (python in re.search(r"^SUPPORTED := (.*)$", makefile, re.M)[1].split()) == supported
    if supported:
        assert {"brian2", "numpy"} <= python_requirements(python).keys()


def test_every_place_names_the_same_version():
    assert PROJECT["dynamic"] == ["version"]
    attribute = PYPROJECT["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    module, name = attribute.rsplit(".", 1)
    assert bio_scnn.__version__ == getattr(importlib.import_module(module), name)
    assert bio_scnn.__version__ == importlib.metadata.version("bio_scnn")
    assert f"\nversion: {bio_scnn.__version__}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"\n## [{bio_scnn.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_import_does_not_load_what_only_some_calls_need():
    late = {"brian2", "matplotlib", "torch", "scipy.ndimage", "scipy.sparse", "skimage"}
    late |= {"scipy.optimize", "scipy.linalg", "asyncio"}
    pictures = {"PIL", "safetensors", "tifffile"}  # of pictures and models
    code = (
        f"import sys, bio_scnn; print({late | pictures} & set(sys.modules)); "
        f"import bio_scnn.validate; print({late} & set(sys.modules)); "
        "print(bio_scnn.data.__name__, bio_scnn.inpaint.__name__, bio_scnn.Restoration.__name__); "
        "print(hasattr(bio_scnn, 'nothing'), 'restore' in dir(bio_scnn))"
    )
    assert run(sys.executable, "-c", code).splitlines() == [
        "set()",
        "set()",
        "bio_scnn.data inpaint Restoration",
        "False True",
    ]


def test_editors_and_hooks_have_the_settings_of_the_project():
    """Hooks run what the extra `dev` installs, so that there is one version of each tool."""
    editor = (ROOT / ".editorconfig").read_text("utf-8")
    (python,) = re.findall(r"^\[\*\.py\]\n((?:.+\n)+)", editor, re.M)
    length = PYPROJECT["tool"]["ruff"]["line-length"]
    assert f"max_line_length = {length}\n" in python
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"- repo: (.+)", hooks) == ["local"]
    commands = [line.split() for line in re.findall(r"entry: (.+)", hooks)]
    assert hooks.count("language: system") == len(commands)
    assert {command[0] for command in commands} <= python_requirements(PYTHONS[0]).keys()
    # The same as `make test` runs, in its order.
    makefile = (ROOT / "Makefile").read_text("utf-8")
    parts = re.search(r"^test: (.+)$", makefile, re.M)[1].split()
    rules = [re.search(rf"^{part}:.*\n((?:\t.+\n)+)", makefile, re.M)[1] for part in parts]
    lint = [words.split()[:2] for words in re.findall(r"-m ((?:ruff|mypy).*)", "".join(rules))]
    assert [command[:2] for command in commands] == lint


@pytest.mark.sweep(3)  # tests/commands/test_console.py has all, without a process each
@pytest.mark.parametrize(
    "module", ["run_inpaint", "explore", "train", "photographs", "evaluate", "validate", "app"]
)
def test_help_shows_examples(module, tmp_path):
    # In another folder, as after an installation.
    printed = run(sys.executable, "-m", f"bio_scnn.{module}", "--help", cwd=tmp_path)
    assert re.search(rf"\nexamples:\n  python -m bio_scnn\.{module}\b", printed)


def test_every_package_is_in_the_wheel():
    listed = set(PYPROJECT["tool"]["setuptools"]["packages"]) - {"bio_scnn.models"}
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "bio_scnn").rglob("__init__.py")}
    assert listed == {".".join(folder.parts) for folder in folders}


def test_the_docs_state_every_check():
    page = (ROOT / "docs" / "validation.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.M))
    assert rows == {name: describe(name).replace("``", "`") for name in check_names()}


def test_commands_in_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^(\w+):", makefile, re.M))
    assert {"demo", "test"} <= targets
    readme = (ROOT / "README.md").read_text("utf-8")
    assert set(re.findall(r"\bmake ([a-z]+)\b(?=[`\n]| +[A-Z]+=)", readme)) <= targets
    for module in re.findall(r"\bpython3? -m (bio_scnn\.\w+)", readme):
        assert find_spec(module) is not None, module


PAGES = [
    *(
        ROOT / name
        for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
    ),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    *sorted((ROOT / "models").glob("*.md")),
]
OURS = "bio_scnn|benchmarks|figures|tests|tools"
EXAMPLES = {"benchmarks.NAME", "figures.NAME", "bio_scnn.NAME"}  # stand for any script


def exists(name):
    """True if a dotted name is a module or an attribute of one."""
    with contextlib.suppress(ImportError, AttributeError):
        pkgutil.resolve_name(name)
        return True
    return False


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages_name_files_and_modules_that_exist(page):
    text = page.read_text("utf-8")
    files = set(re.findall(rf"`((?:{OURS}|docs|models)/[\w./-]+)`", text))
    made = {"docs/_build/html"}  # by make docs
    assert not {name for name in files - made if not (ROOT / name).exists()}
    dotted = {
        *re.findall(rf"`((?:{OURS})(?:\.\w+)+)(?:\(.*\))?`", text),
        *re.findall(rf"\bpython3? -m ((?:{OURS})(?:\.\w+)*)", text),
    }
    assert not {name for name in dotted - EXAMPLES if not exists(name)}
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert not {link for link in links if not (page.parent / link).exists()}


def test_shipped_files_are_the_packaged_ones():
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["bio_scnn.models"]
    packaged = {path.name for pattern in patterns for path in (ROOT / "models").glob(pattern)}
    assert {"inpaint.toml", "paper.toml"} <= packaged
    own = PYPROJECT["tool"]["setuptools"]["package-data"]
    for path in tracked_files():
        if path.is_relative_to(ROOT / "bio_scnn"):
            package = ".".join(path.relative_to(ROOT).parent.parts)
            assert path.suffix == ".py" or path.name in own.get(package, ()), path
        if path.parent == ROOT / "models":
            assert path.name in packaged or path.suffix in {".csv", ".png"}, path
            assert not path.name.endswith(".state.safetensors"), path


def test_no_file_names_a_place_on_somebodys_machine():
    # Written in parts, since this file is searched as well.
    place = re.compile(rb"(?<![\w.*-])/(?:" + b"|".join([b"work", b"root", b"home"]) + rb")/")
    found = {
        f"{path.relative_to(ROOT)}: {match[0].decode()}"
        for path in tracked_files()
        if (match := place.search(path.read_bytes()))
    }
    assert not found


def tracked_files() -> list[Path]:
    """Files that git knows and that are there."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    # In a container the checkout may belong to another user.
    listed = run(git, "-c", f"safe.directory={ROOT}", "-C", str(ROOT), "ls-files", "-z")
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]
