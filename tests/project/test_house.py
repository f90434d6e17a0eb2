"""Size and style of the code: short modules and functions, docstrings that can be searched."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
MODULE_LINES, FUNCTION_LINES, PARAMETERS = 300, 60, 8
# A module ("bio_scnn/a.py") or function ("bio_scnn/a.py:name") that may be longer, and why.
REASONS: dict[str, str] = {
    "bio_scnn/crossval/faults/of_spikes.py:spikes": "one fault after the other",
    "bio_scnn/crossval/faults/of_spikes.py:resets": "one fault after the other",
    "bio_scnn/crossval/faults/of_refractoriness.py:refractory": "one fault after the other",
    "bio_scnn/crossval/faults/of_values.py:inputs": "one fault after the other",
    "bio_scnn/data/hdf5.py": "one file format, one method for each of its structures",
    "bio_scnn/network/conv2d.py": "a convolution and its gradient share their blocks",
    "bio_scnn/neuron/closed_form.py": "ten public functions, half of the lines their docstrings",
    "bio_scnn/neuron/hybrid_system.py": "the protocol of a neuron and the loop that runs it",
    "bio_scnn/neuron/linear.py": "one class: the flow of five neurons, and its crossings",
    "bio_scnn/neuron/simulation.py": "one public function and the check of its arguments",
    "bio_scnn/neuron/simulation.py:simulate": "each parameter is a choice of the user's own",
    "bio_scnn/restoration/inpainting.py:inpaint": "each parameter is a choice of the user's own",
    "bio_scnn/restoration/inpainting.py:restore": "each parameter is a choice of the user's own",
    "bio_scnn/validate.py:parser": "one option after the other",
}
RIDDLE = re.compile(r"(What|Whether|How|Of|Which|Where|As)\b")

FOLDERS = [
    "bio_scnn",
    "benchmarks",
    "figures",
    "tools",
]
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def nodes(folder):
    """Definitions, names of others, and modules themselves, each with its module's path."""
    paths = sorted((ROOT / folder).rglob("*.py"))
    assert paths
    kept = (*FUNCTION, ast.ClassDef, ast.Module, ast.Nonlocal, ast.Global)
    return [
        (path.relative_to(ROOT).as_posix(), node)
        for path in paths
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, kept)
    ]


def too_large(found):
    """Lines that name what is larger than allowed, without what has a reason."""
    assert all(REASONS.values())
    return "\n".join(f"{place}: {size}" for place, size in found if place not in REASONS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_modules_are_short(folder):
    paths = sorted((ROOT / folder).rglob("*.py"))
    sizes = [
        (p.relative_to(ROOT).as_posix(), len(p.read_text("utf-8").splitlines())) for p in paths
    ]
    assert not too_large((place, size) for place, size in sizes if size > MODULE_LINES)


@pytest.mark.parametrize("folder", FOLDERS)
def test_functions_are_short(folder):
    def size(node):
        """Lines of a function, without its docstring."""
        doc = node.body[0] if ast.get_docstring(node) else None
        return node.end_lineno - node.lineno + 1 - (doc.end_lineno - doc.lineno + 1 if doc else 0)

    sizes = [
        (f"{place}:{node.name}", size(node))
        for place, node in nodes(folder)
        if isinstance(node, FUNCTION)
    ]
    assert not too_large((place, size) for place, size in sizes if size > FUNCTION_LINES)


@pytest.mark.parametrize("folder", FOLDERS)
def test_functions_have_few_parameters(folder):
    def count(node):
        a = node.args
        named = [arg.arg for arg in (*a.posonlyargs, *a.args, *a.kwonlyargs)]
        return len([name for name in named if name not in ("self", "cls")])

    counts = [
        (f"{place}:{node.name}", count(node))
        for place, node in nodes(folder)
        if isinstance(node, FUNCTION)
    ]
    assert not too_large((place, number) for place, number in counts if number > PARAMETERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_function_assigns_to_names_outside(folder):
    found = [
        f"{place}:{node.lineno}: {', '.join(node.names)}"
        for place, node in nodes(folder)
        if isinstance(node, (ast.Nonlocal, ast.Global))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", FOLDERS)
def test_docstrings_say_what_a_thing_is(folder):
    found = []
    for place, node in nodes(folder):
        if isinstance(node, (*FUNCTION, ast.ClassDef, ast.Module)):
            first = (ast.get_docstring(node) or "").split("\n")[0]
            if RIDDLE.match(first):
                found.append(f"{place}:{getattr(node, 'lineno', 1)}: {first}")
    assert not found, "\n".join(found)
