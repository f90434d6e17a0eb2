"""Tutorials and notebooks run and print what they say; commands in pages can be parsed."""

import contextlib
import importlib
import io
import json
import re
import shlex
import warnings
from pathlib import Path

import matplotlib
import pytest

from tools.docs.links import _page, broken

pytest_plugins = ["pytester"]

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("tutorials/*.md"))]
FRAMEWORKS = {"snntorch": "snntorch", "norse": "norse", "spikingjelly": "spikingjelly"}
NOTEBOOKS = sorted(DOCS.glob("notebooks/*.ipynb"))


def blocks(path, language="python"):
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)


def commands():
    """Commands in blocks of shell, with the page that they are on."""
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                match = re.match(r"(?:python -m bio_scnn\.|bio-scnn )(\w+)(.*)", line)
                if match:
                    yield page.name, match[1], shlex.split(match[2], comments=True)


def test_commands_in_pages_can_be_parsed():
    """With their parsers: every option exists, and has the kind of value that it takes."""
    parsers, number = {}, 0
    for page, name, words in commands():
        module = {"inpaint": "run_inpaint"}.get(name, name)
        if module not in parsers:
            parsers[module] = importlib.import_module(f"bio_scnn.{module}").parser()
        if words != ["--help"]:
            try:
                parsers[module].parse_args(words)
            except SystemExit:
                pytest.fail(f"{page}: {name} {shlex.join(words)}")
            number += 1
    assert number > 40


@pytest.mark.parametrize(
    "name",
    [
        "plain-script",
        pytest.param("tutorials/own-layer", marks=pytest.mark.slow),
        "tutorials/recording",
    ],
)
def test_blocks_print_what_they_say(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    page, namespace, said = DOCS / f"{name}.md", {}, []
    with warnings.catch_warnings():  # of what a plain Brian2 script uses
        warnings.simplefilter("ignore", DeprecationWarning)
        for block in blocks(page):
            exec(compile(block, name, "exec"), namespace)
            said += re.findall(r"^print\(.*\)  # (.*)$", block, re.M)
    printed = capsys.readouterr().out.splitlines()
    assert said
    assert [line for line in printed if line in said] == said
    below = page.read_text("utf-8").splitlines()  # a long line is in a block of its own
    assert all(line in said or line in below for line in printed)


@pytest.mark.sweep(3)
@pytest.mark.parametrize("name", FRAMEWORKS)
@pytest.mark.peer
def test_layers_of_frameworks_are_what_their_pages_say(name, capsys):
    pytest.importorskip(FRAMEWORKS[name])
    from bio_scnn.crossval.identify import code_sentence, find_call, identify

    page = DOCS / "tutorials" / f"{name}.md"
    layer, *rest = blocks(page)
    namespace = {}
    exec(compile(layer, page.name, "exec"), namespace)
    call = find_call(namespace["layer"])
    found = identify(lambda x: (lambda y: (y.spikes, y.V))(call.run(x)), dt_ms=1.0)
    text = " ".join(page.read_text("utf-8").split())
    assert f"it is {code_sentence(found.neuron)} eq. 1 with tau = 9.49122 steps" in text
    for block in rest:
        exec(compile(block, page.name, "exec"), namespace)
        printed = capsys.readouterr().out.splitlines()
        assert printed == re.findall(r"^print\(.*\)  # (.*)$", block, re.M)


def test_the_page_on_pytest(pytester):
    (module,) = blocks(DOCS / "tutorials" / "ci.md")
    (layer, *_) = blocks(DOCS / "tutorials" / "own-layer.md")
    right = layer.replace("0.9 * V + x_n", "0.9 * V + 0.1 * x_n")
    assert right != layer
    pytester.makepyfile(my_layer=right, test_lif=module)
    options = ("-p", "no:nengo", "-p", "no:cacheprovider", "-q", "-k", "fi_curve or silence")
    assert pytester.runpytest_inprocess(*options).ret == 0


def outputs(cell):
    """Text that a cell is stored with."""
    streams = (output for output in cell["outputs"] if output["output_type"] == "stream")
    return "".join("".join(output["text"]) for output in streams)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            marks=pytest.mark.peer if "torch" in path.read_text("utf-8") else pytest.mark.slow,
            id=path.stem,
        )
        for path in NOTEBOOKS
    ],
)
def test_notebooks_run_again(path, monkeypatch):
    if "import torch" in path.read_text("utf-8"):
        pytest.importorskip("torch")
    assert path.stat().st_size < 300_000
    cells = [c for c in json.loads(path.read_text("utf-8"))["cells"] if c["cell_type"] == "code"]
    namespace, texts, pictures = {}, 0, 0
    import matplotlib.pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: plt.close("all"))
    with matplotlib.rc_context():
        for number, cell in enumerate(cells):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile("".join(cell["source"]), f"{path.name}[{number}]", "exec"), namespace)
            assert printed.getvalue() == outputs(cell), number
            texts += bool(printed.getvalue())
            pictures += any(output["output_type"] == "display_data" for output in cell["outputs"])
    assert texts > 0
    assert pictures > 0 or path.stem == "deep-learning-engineer"


def test_there_is_a_notebook_for_each_kind_of_user():
    assert len(NOTEBOOKS) == 4
    page = (DOCS / "notebooks.md").read_text("utf-8")
    assert {path.name for path in NOTEBOOKS} == {
        name.split("/")[1] for name in re.findall(r"\((notebooks/[\w-]+\.ipynb)\)", page)
    }


def test_broken_links_of_a_site_are_found(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="top"></h1><a href="b.html#top">b</a>')
    (tmp_path / "b.html").write_text('<h1 id="top"></h1><img src="data:,x"><a href="#top"></a>')
    assert broken(tmp_path) == []
    (tmp_path / "b.html").write_text('<a href="https://x.y/z"></a><a href="c.html"></a>')
    _page.cache_clear()
    assert broken(tmp_path) == ["a.html: b.html#top", "b.html: c.html"]


def test_every_page_is_on_the_site():
    listed = "\n".join(
        path.read_text("utf-8")
        for path in (DOCS / "index.md", DOCS / "tutorials" / "index.md", DOCS / "api.md")
    )
    for path in [*DOCS.glob("*.md"), *DOCS.glob("tutorials/*.md"), *DOCS.glob("site/*.md")]:
        name = path.relative_to(DOCS).with_suffix("").as_posix()
        short = name.removeprefix("tutorials/")
        assert name == "index" or re.search(rf"^({name}|{short})$", listed, re.M), name
