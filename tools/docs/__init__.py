"""Generators of pages in docs/, one module for each page that is computed."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS, FIGURES, RESULTS = ROOT / "docs", ROOT / "figures", ROOT / "benchmarks" / "results"
