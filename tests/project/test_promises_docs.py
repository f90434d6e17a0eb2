"""docs/promises.md: each promise names tests, and each of them exists."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
PAGE = (TESTS.parent / "docs" / "promises.md").read_text("utf-8")


def functions(file: str) -> dict[str, bool]:
    """Tests of a module by name, and whether they are slow."""
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return {
        node.name: any("mark.slow" in ast.unparse(mark) for mark in node.decorator_list)
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def test_every_promise_has_tests_that_exist():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "held by" not in line]
    assert len(rows) > 40
    for row in rows:
        promise, held = row.strip("| ").split(" | ")
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`(\*?)", held)
        assert named, f"nothing holds: {promise}"
        assert len(named) == held.count("`") / 2, held
        for file, test, star in named:
            found = functions(file)
            assert test in found, f"{file} has no {test}: {promise}"
            assert found[test] == bool(star), f"{file}::{test} is slow, or is not: {promise}"
