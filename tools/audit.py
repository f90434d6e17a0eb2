"""Known faults of installed packages, by pip-audit; without a network that is said in one line.

In CI, where there is one, an audit that was not done counts as failed.
"""

import json
import os
import subprocess
import sys


def audited(tool: str, requirements: str) -> int:
    """Print what pip-audit knows of pinned requirements; 1 if one has a known fault, else 0."""
    words = [tool, "--requirement", requirements, "--no-deps", "--disable-pip", "--format", "json"]
    ended = subprocess.run(
        [*words, "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(ended.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = ended.stderr.strip().splitlines() or ["no reason given"]
        return _not_done(lines[-1][:200])
    known = [package for package in packages if "vulns" in package]
    if not known:
        return _not_done("it knows none of the packages")
    faults = [(p["name"], p["version"], fault) for p in known for fault in p["vulns"]]
    for name, version, fault in faults:
        fixed = ", ".join(fault.get("fix_versions", [])) or "no version"
        print(f"{name} {version}: {fault['id']}, mended in {fixed}")
    left = f", {len(packages) - len(known)} could not be looked up" * (len(known) < len(packages))
    print(f"audit: {len(known)} packages, {len(faults)} known fault(s){left}")
    return bool(faults)


def _not_done(why: str) -> int:
    print(f"audit: not done, the database of known faults cannot be reached ({why})")
    return int("CI" in os.environ)


if __name__ == "__main__":
    sys.exit(audited(*sys.argv[1:]))
