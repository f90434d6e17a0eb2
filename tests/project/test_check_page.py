"""The page that checks a pasted layer in the browser: its Python, and its buttons."""

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from browser import CHROMIUM, browser

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "check"

# As in Pyodide: the packages that the page loads and no others, no threads, no processes.
UNDER_PYODIDE = """
import json, os, sys, threading
class Absent:
    def find_spec(self, name, path=None, target=None):
        package = name.split(".")[0]
        own = {"bio_scnn", "numpy", "scipy", "tqdm", "threadpoolctl"} | sys.stdlib_module_names
        private = package.startswith("_")
        if not (private or package in own) or package in ("fcntl", "resource"):
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
def refuse(*_):
    raise RuntimeError("can't start new thread")
sys.meta_path.insert(0, Absent())
threading.Thread.start = os.fork = refuse
page, sources = sys.argv[1], json.loads(sys.argv[2])
exec(compile(open(page).read(), page, "exec"))
for source in sources:
    try:
        print(check(source))
    except ValueError as error:
        print("error:", error)
    print("====")
"""


def examples():
    """Sources that the page offers."""
    (first,) = re.findall(
        r"<textarea[^>]*>(.*?)</textarea>", (PAGE / "index.html").read_text("utf-8"), re.S
    )
    return [first, *re.findall(r"`(import.*?)`", (PAGE / "page.js").read_text("utf-8"), re.S)]


@pytest.mark.slow
def test_layers_are_checked_with_numpy_and_scipy_only():
    sources = [*examples(), "import torch", "x = (\n", "def lay(x): return x", "\n1 / 0"]
    done = subprocess.run(
        [sys.executable, "-c", UNDER_PYODIDE, PAGE / "check.py", json.dumps(sources)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    usual, declared, torch, syntax, unnamed, raised, _ = done.stdout.split("====\n")
    assert "it is     V <- 0.5 V + x; fires above 1; reset to 0 in the same step" in usual
    assert "all 18 checks against the identified neuron gave the expected result" in usual
    assert "the gain of the input, acts as 9.998 times" in " ".join(declared.split())
    assert torch.startswith("error: torch is not in this page")
    assert syntax == "error: line 1: SyntaxError: '(' was never closed\n"
    assert unnamed == "error: the code defines no layer: call your function `layer`\n"
    assert raised == "error: line 2: ZeroDivisionError: division by zero\n"


PYODIDE = """
self.loadPyodide = async () => ({
  loadedPackages: {}, loadPackage(names) {
    for (const name of [names].flat()) this.loadedPackages[name] = name; },
  async runPythonAsync(text) { this.program = text; },
  globals: { has: () => true, get: name => source => {
    if (source.includes("wrong")) throw new Error("Traceback\\nValueError: line 1: no");
    return `${name} of ${source.length} letters`; } },
});
"""
"""A stand-in for Pyodide, which is not to be had without a network."""


def quiet(*_):
    """No line for each request."""


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium on the PATH")
def test_the_page_shows_reports_and_errors(tmp_path):
    site = tmp_path / "site"
    shutil.copytree(PAGE, site)
    text = (site / "index.html").read_text("utf-8")
    assert text.count("https://cdn.jsdelivr.net/pyodide/v0.29.4/full/") == 1
    text = text.replace("https://cdn.jsdelivr.net/pyodide/v0.29.4/full/", "/")
    (site / "index.html").write_text(text, "utf-8")
    handler = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": quiet})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=site)
    ) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with browser(tmp_path / "profile") as tab:
            tab.open(f"http://127.0.0.1:{server.server_port}/index.html", 390, online=True)
            assert tab.run("document.documentElement.scrollWidth") == 390
            said = "!at('report').hidden && at('report').textContent"
            tab.run("at('run').click()")
            tab.wait(said)
            assert tab.run(said).startswith("error: ")  # there is no pyodide.js yet
            (site / "pyodide.js").write_text(PYODIDE)
            tab.run("at('run').click()")
            tab.wait(said)
            length = tab.run("at('source').value.length")
            assert tab.run(said) == f"check of {length} letters"
            tab.run("at('source').value = 'wrong'; at('run').click()")
            tab.wait(said)
            assert tab.run(said) == "error: line 1: no"
            choose = "at('example').value = 'declared'; at('example').dispatchEvent(%s)"
            tab.run(choose % "new Event('change')")
            assert "as_adapter" in tab.run("at('source').value")
        server.shutdown()
