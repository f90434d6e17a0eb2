"""Configuration of the documentation site: ``make docs`` builds it in docs/_build/html.

The pages are those that GitHub shows. What differs between the two is changed here: links to
files above docs/, and the pages of the API, which come from the names that each wing exports.
"""

from __future__ import annotations

import importlib
import re
import shutil
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

from bio_scnn import __version__  # noqa: E402

project = "bio_scnn"
author = "the bio_scnn developers"
copyright = author
release = version = __version__
html_title = f"bio_scnn {release}"

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "check", "gallery", "_gallery/*.ipynb"]
suppress_warnings = ["config.cache"]  # the gallery's settings hold functions
highlight_language = "text"  # of blocks that name no language
default_role = "py:obj"  # docstrings name objects in single backticks

# Markdown, and notebooks with the outputs that they are stored with.
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"

# API.
WINGS = {
    "bio_scnn": "The functions that most users need",
    "bio_scnn.neuron": "Neurons",
    "bio_scnn.restoration": "Restoration of pictures",
    "bio_scnn.data": "Pictures and masks",
    "bio_scnn.network": "The network",
    "bio_scnn.training": "Training",
    "bio_scnn.crossval": "Checks of LIF layers",
    "bio_scnn.crossval.identify": "Identification of neurons",
    "bio_scnn.crossval.nir_io": "NIR files",
    "bio_scnn.nir": "NIR graphs",
    "bio_scnn.explorer": "The page of neurons",
    "bio_scnn.runtime": "Processes, clusters, files",
}
autodoc_typehints = "none"
numpydoc_show_class_members = False

# Gallery: every example is run, and shows a picture.
sphinx_gallery_conf = {
    "examples_dirs": "gallery",
    "gallery_dirs": "_gallery",
    "filename_pattern": r"\.py$",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "min_reported_time": 1e9,
    "write_computation_times": False,
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
    "remove_config_comments": True,
}

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False
copybutton_prompt_text = r">>> |\$ "
copybutton_prompt_is_regexp = True

# Links that GitHub follows out of docs/, and what they are on the site.
ELSEWHERE = {
    "../README.md": "/index.md",
    "../CONTRIBUTING.md": "/site/contributing.md",
    "../CHANGELOG.md": "/site/changelog.md",
    "../benchmarks/README.md": "/site/benchmarks.md",
}


def write_api(folder: Path) -> None:
    """Write a page for each wing: a table of the names that it exports, then each of them."""
    folder.mkdir(exist_ok=True)
    for wing, title in WINGS.items():
        module = importlib.import_module(wing)
        names = [n for n in module.__all__ if not hasattr(getattr(module, n), "__path__")]
        lines = [f".. currentmodule:: {wing}", "", ".. list-table::", ""]
        for name in names:
            lines += [f"   * - :py:obj:`{name}`", f"     - {_first_line(getattr(module, name))}"]
        for name in names:
            lines += ["", *_directive(wing, name, getattr(module, name))]
        page = "\n".join([f"# {title}", "", f"`{wing}`", "", "```{eval-rst}", *lines, "```", ""])
        path = folder / f"{wing}.md"
        if not path.is_file() or path.read_text("utf-8") != page:
            path.write_text(page, "utf-8")


def _first_line(thing: Any) -> str:
    described = isinstance(thing, type) or hasattr(thing, "__name__")
    return (thing.__doc__ or "").split("\n")[0] if described else "Constant."


def _directive(wing: str, name: str, thing: Any) -> list[str]:
    home = getattr(thing, "__module__", wing)
    index = [] if home.startswith(wing) and wing != "bio_scnn" else ["   :no-index:"]
    if isinstance(thing, type):
        return [f".. autoclass:: {name}", "   :members:", *index]
    if callable(thing) and hasattr(thing, "__name__"):
        return [f".. autofunction:: {name}", *index]
    value = repr(thing)
    shown = value if len(value) < 120 else f"{value[:110]} ..."
    return [f".. py:data:: {name}", f"   :value: {shown}", *index]


def on_site(app: Any, name: str, source: list[str]) -> None:
    """Change links of a page for the site."""
    text = source[0]
    depth = name.count("/")
    for there, here in ELSEWHERE.items():
        text = text.replace(f"]({there}", f"]({here}")
    text = re.sub(r"\[[\w./-]+\.md\]\(([\w./-]+\.md)\)", r"[](\1)", text)  # titles as link texts
    up = "../" * depth
    source[0] = re.sub(
        r"\[([^\]]+)\]\((?:\.\./)*((?:check|validation)/index\.html)\)",
        rf'<a href="{up}\2">\1</a>',
        text,
    )


def copy_pages(app: Any, error: Exception | None) -> None:
    """Copy pages that are no part of Sphinx's, and name this version in them."""
    if error is None and app.builder.name == "html":
        for folder in ("check", "validation"):
            shutil.copytree(DOCS / folder, Path(app.outdir, folder), dirs_exist_ok=True)
        page = Path(app.outdir, "check", "index.html")
        page.write_text(page.read_text("utf-8").replace("@VERSION@", release), "utf-8")


def setup(app: Any) -> None:
    """Connect what the site changes."""
    write_api(DOCS / "_api")
    app.connect("source-read", on_site)
    app.connect("build-finished", copy_pages)
