"""Known faults of installed packages, by pip-audit; without a network that is said in one line."""

import subprocess
import sys


def audited(tool: str, requirements: str) -> int:
    """Run pip-audit on pinned requirements; the exit code is 1 if a known fault is found."""
    words = [tool, "--requirement", requirements, "--no-deps", "--disable-pip"]
    ended = subprocess.run(
        [*words, "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    known = "Found " in ended.stderr and "known vulnerabilit" in ended.stderr
    if ended.returncode == 0 or known:
        print(f"{ended.stdout}{ended.stderr}".strip())
        return int(known)
    lines = ended.stderr.strip().splitlines() or ["no reason given"]
    print(f"audit: not done, the database of faults cannot be reached ({lines[-1][:200]})")
    return 0


if __name__ == "__main__":
    sys.exit(audited(*sys.argv[1:]))
