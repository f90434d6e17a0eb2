"""Long tests of faults, leaks and readers: ``python -m tests.soak [PART ...] [--minutes N]``."""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # it forks
sys.path[:0] = [str(ROOT / "tests" / "support")]
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, (str(ROOT), str(ROOT / "tests" / "support"), os.environ.get("PYTHONPATH")))
)

from tests.soak.calls import inpaint_calls, simulate_calls  # noqa: E402 # needs the path
from tests.soak.faults import surroundings  # noqa: E402
from tests.soak.kills import killed_folders, killed_training  # noqa: E402
from tests.soak.outcome import Outcome, table  # noqa: E402
from tests.soak.properties import readers  # noqa: E402

# Part, how often it is done unless time ends before, and its share of the time.
PARTS = {
    "surroundings": (surroundings, 1, 0.15),
    "readers": (readers, 100_000, 0.2),
    "killed training": (killed_training, 100, 0.25),
    "killed folders": (killed_folders, 100, 0.15),
    "inpaint": (inpaint_calls, 10_000, 0.15),
    "simulate": (simulate_calls, 1_000, 0.1),
}


def main() -> None:
    """Run the parts one after another, and print one table."""
    p = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    p.add_argument("parts", nargs="*", metavar="PART", help=f"of: {', '.join(PARTS)}")
    p.add_argument("--minutes", type=float, default=60.0, help="of all parts (default: 60)")
    p.add_argument("--seed", type=int, default=0)
    args = p.parse_args()
    chosen = args.parts or list(PARTS)
    if unknown := set(chosen) - set(PARTS):
        p.error(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    left, done = sum(PARTS[name][2] for name in chosen), []
    end = time.monotonic() + 60 * args.minutes
    for name in chosen:
        part, number, share = PARTS[name]
        began = time.monotonic()
        until = began + (end - began) * share / left  # what a part leaves is for the others
        left -= share
        with tempfile.TemporaryDirectory() as folder:
            found: list[Outcome] = part(Path(folder), number, until, args.seed)
        done += found
        print(table(found), flush=True)
    findings = [line for outcome in done for line in outcome.findings]
    print(f"{len(done)} rows, {len(findings)} finding(s)")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
