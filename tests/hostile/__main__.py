"""Hostile input by the hundred: ``python -m tests.hostile [GROUP ...] [--cases N] [--seed N]``."""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "support"))

from tests.hostile.running import GROUPS, available, run, table, work


def main() -> None:
    """Run groups of cases and print one table."""
    if sys.argv[1:2] == ["--worker"]:
        work(json.loads(sys.argv[2]))
        return
    p = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    p.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}")
    p.add_argument("--cases", type=int, help="of each group (default: as many as in the tests)")
    p.add_argument("--seed", type=int, default=0, help="of the first case")
    args = p.parse_args()
    wanted = {}
    for group in args.groups or GROUPS:
        if not available(group):
            print(f"{group}: left out, since nir is not installed", file=sys.stderr)
            continue
        number = args.cases or GROUPS[group][1]
        wanted[group] = range(args.seed, args.seed + number)
    cases = run(wanted)
    print(table(cases))
    sys.exit(any(case.outcome not in ("right", "refused") for case in cases))


if __name__ == "__main__":
    main()
