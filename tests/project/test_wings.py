"""The order of the wings: a wing imports only those before it, and no modules form a circle."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent.parent / "bio_scnn"

ORDER = (
    "errors", "_moved", "_version", "runtime", "neuron", "data", "network", "restoration",
    "training", "explorer", "crossval", "nir", "commands", "brush",
)  # fmt: skip
"""From the ground up. What stands beside the wings, the commands, imports any of them."""


def modules() -> dict[str, Path]:
    paths = sorted(PACKAGE.rglob("*.py"))
    names = (".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in paths)
    return {name.removesuffix(".__init__"): path for name, path in zip(names, paths, strict=True)}


def imports(path: Path, known: dict[str, Path], *, lazy: bool) -> set[str]:
    """Modules of the package that a file imports; `lazy`: inside functions too."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = ast.walk(tree) if lazy else iter(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in known else node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & set(known)


def floor(module: str) -> int:
    wing = module.removeprefix("bio_scnn").removeprefix(".").split(".")[0]
    return ORDER.index(wing) if wing in ORDER else len(ORDER)


def test_no_wing_imports_a_later_one():
    known = modules()
    seen = 0
    for module, path in known.items():
        for other in imports(path, known, lazy=True):
            seen += 1
            assert floor(other) <= floor(module), f"{module} imports {other}"
            if module.count(".") > 1 or floor(module) < len(ORDER):
                assert other != "bio_scnn", f"{module} imports the package's face"
    assert seen > 300


def test_no_modules_import_in_a_circle():
    known = modules()
    graph = {module: imports(path, known, lazy=False) for module, path in known.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(known)


def test_every_wing_says_what_it_is_for():
    for wing in ORDER[3:]:
        text = (PACKAGE / wing / "__init__.py").read_text("utf-8")
        doc = ast.get_docstring(ast.parse(text))
        assert doc, wing
        assert doc.split("\n\n")[0].endswith("."), wing
