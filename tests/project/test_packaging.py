"""Files that describe the package to others agree with pyproject.toml and with the commands."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from bio_scnn import __version__, validate

yaml = pytest.importorskip("yaml")  # comes with distributed, which the tests need

ROOT = Path(__file__).resolve().parent.parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = PYPROJECT["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
ACTION = yaml.safe_load((ROOT / ".github/actions/check-lif/action.yml").read_text("utf-8"))


def recipe():
    """The conda recipe, with its templates filled in."""
    text = (ROOT / "packaging/conda/meta.yaml").read_text("utf-8")
    (version,) = re.findall(r'{% set version = "(.*)" %}', text)
    text = re.sub(r"{%.*%}", "", text).replace("{{ version }}", version)
    return yaml.safe_load(text.replace("{{ PYTHON }}", "python"))


@pytest.mark.parametrize("python", ["3.12", "3.13"])
def test_the_conda_recipe_has_the_bounds_of_the_package(python):
    run = dict(line.split(maxsplit=1) for line in recipe()["requirements"]["run"])
    assert SpecifierSet(run.pop("python")) == SpecifierSet(">=3.12,<3.14")
    run["matplotlib"] = run.pop("matplotlib-base")
    wanted = {
        r.name: r.specifier
        for r in map(Requirement, PROJECT["dependencies"])
        if r.marker is None or r.marker.evaluate({"python_version": python})
    }
    assert {name: SpecifierSet(bounds) for name, bounds in run.items()} == wanted


def test_the_conda_recipe_is_of_this_package():
    found = recipe()
    assert found["package"] == {"name": PROJECT["name"], "version": __version__}
    ((name, target),) = PROJECT["scripts"].items()
    assert found["build"]["entry_points"] == [f"{name} = {target}"]
    assert (found["about"]["license"], found["about"]["summary"]) == (
        PROJECT["license"],
        PROJECT["description"],
    )
    assert (
        f"setuptools {PYPROJECT['build-system']['requires'][0][len('setuptools') :]}"
        in (found["requirements"]["host"])
    )


def test_zenodo_and_citation_say_the_same():
    zenodo = json.loads((ROOT / ".zenodo.json").read_text("utf-8"))
    for key in ("title", "version", "license", "keywords"):
        assert zenodo[key] == CITATION[key], key
    assert zenodo["version"] == __version__
    assert zenodo["license"] == PROJECT["license"]
    assert [c["name"] for c in zenodo["creators"]] == [a["name"] for a in CITATION["authors"]]
    cited = {r.get("doi") or r["url"] for r in CITATION["references"]}
    assert {r["identifier"] for r in zenodo["related_identifiers"]} == cited


def test_the_workflow_runs_what_exists():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (supported,) = re.findall(r"^SUPPORTED := (.*)$", makefile, re.M)
    assert workflow["jobs"]["tests"]["strategy"]["matrix"]["python"] == supported.split()
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    targets = {step["run"][5:] for step in steps if step.get("run", "").startswith("make ")}
    assert targets == {"test", "docs", "audit", "soak"}
    assert all(re.search(rf"^{target}:", makefile, re.M) for target in targets)
    local = [step for step in steps if step.get("uses", "").startswith("./")]
    assert [step["uses"] for step in local] == ["./.github/actions/check-lif"]
    for step in local:
        called(step["with"])


def test_the_action_as_the_tutorial_uses_it():
    page = (ROOT / "docs/tutorials/ci.md").read_text("utf-8")
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", page, re.M | re.S)
    *_, step = yaml.safe_load(block)["jobs"]["check"]["steps"]
    assert step["uses"] == "./bio_scnn/.github/actions/check-lif"
    called(step["with"])


def called(inputs):
    """Check that the action takes these inputs, and its command these options."""
    assert inputs.keys() <= ACTION["inputs"].keys()
    needed = {name for name, what in ACTION["inputs"].items() if what.get("required")}
    assert needed <= inputs.keys()
    values = {name: what.get("default", "") for name, what in ACTION["inputs"].items()} | inputs
    (step,) = (s for s in ACTION["runs"]["steps"] if s.get("name") == "Check the layer")
    command = step["run"].splitlines()[-1]
    for variable, source in step["env"].items():
        (name,) = re.findall(r"inputs\.([\w-]+)", source)
        command = command.replace(f"${variable}", values[name])
    words = shlex.split(command)
    assert words[:3] == ["python", "-m", "bio_scnn.validate"]
    args = validate.parser().parse_args(words[3:])
    assert args.names == [inputs["layer"]]
