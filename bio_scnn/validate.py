"""Check LIF implementations against eq. 1: ``python -m bio_scnn.validate``."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from bio_scnn.cli import add_scheduler_option, run
from bio_scnn.crossval import provenance
from bio_scnn.crossval.isolation import Target, check_apart
from bio_scnn.crossval.report_text import text_report
from bio_scnn.crossval.results import Report
from bio_scnn.crossval.targets import checks_to_run, find_targets, listing
from bio_scnn.engine import Cluster, Failure, engine
from bio_scnn.errors import InputError
from bio_scnn.files import finite, write_whole

EPILOG = """\
examples:
  python -m bio_scnn.validate
      what is known, what is installed, and what the checks are
  python -m bio_scnn.validate snntorch norse --dt 1 --report report/
      two frameworks at a time step of 1 ms; report/index.html has the curves
  python -m bio_scnn.validate my_layer.py:MyLayer --only refractory_period fi_curve
      an adapter class, a step function or a layer from a file or a module of yours
  python -m bio_scnn.validate --command "./my_neuron {dir}"
      a program in any language, which reads and writes files in a folder
  python -m bio_scnn.validate sinabs --python sinabs=envs/sinabs/bin/python
      in another environment that has bio_scnn and the framework
  python -m bio_scnn.validate norse brian2-stock --network photo.jpg --report report/
      what their neurons do to a network that restores a picture, layer by layer
  python -m bio_scnn.validate snntorch norse nengo --scheduler tcp://host:8786
      on the workers of a Dask cluster, where these must be installed as well
  python -m bio_scnn.validate --all --junit junit.xml --json > results.json
      everything installed, for machines
exit code: 0 if nothing failed but what was declared to, 1 otherwise, 2 for bad input
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m bio_scnn.validate",
        description="Check implementations of the leaky integrate-and-fire neuron against eq. 1: "
        "how far they are off, why, and what that does to their firing rates.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = p.add_argument_group("what to check")
    what.add_argument(
        "names", nargs="*", metavar="NAME", help="a known name, module:object or file.py:object"
    )
    what.add_argument("--all", action="store_true", help="every known one that is installed")
    what.add_argument("--list", action="store_true", help="print what is known, and stop")
    what.add_argument(
        "--command", action="append", default=[], metavar='"CMD {dir}"', help="a program"
    )
    what.add_argument(
        "--nir",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a NIR file's neurons",
    )
    what.add_argument(
        "--check-vectors", type=Path, metavar="DIR", help="recorded answers to exported vectors"
    )
    what.add_argument(
        "--export-vectors",
        type=Path,
        metavar="DIR",
        help="write inputs and exact answers, and stop",
    )
    what.add_argument(
        "--network",
        nargs="?",
        const="",
        metavar="IMAGE",
        help="put the named ones into a network that restores the middle of a picture, and "
        "compare it layer by layer with exact neurons, instead of running the checks",
    )
    how = p.add_argument_group("how")
    how.add_argument("--dt", type=float, default=0.1, metavar="MS", help="default: 0.1")
    how.add_argument("--only", nargs="+", default=[], metavar="CHECK", help="these checks")
    how.add_argument("--skip", nargs="+", default=[], metavar="CHECK", help="not these")
    how.add_argument(
        "--time-limit",
        type=float,
        default=60.0,
        metavar="S",
        help="for each check, in seconds (default: 60); loading may take 10 at least",
    )
    how.add_argument(
        "--python", action="append", default=[], metavar="NAME=PATH",
        help="run NAME with another interpreter, in whose environment bio_scnn is installed",
    )  # fmt: skip
    how.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="implementations at a time (default: 1)"
    )
    add_scheduler_option(how, needs="nothing but the same bio_scnn and what is to be checked")
    out = p.add_argument_group("output")
    out.add_argument("--report", type=Path, metavar="DIR", help="write index.html, results.json")
    out.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    out.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, check, report."""
    argv = sys.argv[1:] if argv is None else argv
    args = parser().parse_args(argv)
    if not (0 < args.dt < float("inf") and args.time_limit > 0 and args.jobs >= 1):
        raise InputError("--dt and --time-limit must be greater than 0, --jobs at least 1")
    if args.scheduler is not None and (args.command or args.nir or args.python):
        raise InputError(
            "--scheduler goes with names and modules that are installed on the workers; "
            "--command, --nir and --python mean files of this machine"
        )
    _check_outputs(args)
    if args.export_vectors is not None:
        return export(args.export_vectors)
    if args.network is not None:
        return network(args)
    checks = checks_to_run(args.only, args.skip)
    targets = find_targets(args.names, args.command, args.nir, args.python, everything=args.all)
    if args.list or not (targets or args.check_vectors):
        if not args.list and (args.report or args.junit or args.json):
            raise InputError("nothing to report on: name implementations, or give --all")
        print(listing(_width()))
        return
    if args.scheduler is None:
        reports = check_all(targets, checks, args.dt, args.time_limit, args.jobs)
    else:
        with engine(scheduler=args.scheduler) as cluster:
            assert isinstance(cluster, Cluster)
            reports = check_all_there(targets, checks, args.dt, args.time_limit, cluster)
    if args.check_vectors is not None:
        from bio_scnn.crossval.vectors import check_vectors

        reports.append(check_vectors(args.check_vectors))
    publish(reports, args, shlex.join(["python", "-m", "bio_scnn.validate", *argv]))
    if not all(report.ok for report in reports):
        sys.exit(1)


def export(directory: Path) -> None:
    """Write the test vectors, with a progress bar."""
    from bio_scnn.crossval.vectors import export_vectors

    with tqdm(total=100, leave=False, disable=None, unit="%") as bar:
        export_vectors(directory, progress=lambda done: bar.update(round(100 * done) - bar.n))
    print(f"wrote {directory}; its README.md says what to do with it")


def network(args: argparse.Namespace) -> None:
    """Compare whole networks, with a progress bar."""
    from bio_scnn.crossval.networks.report import validate_network

    if args.all or args.command or args.nir or args.python or args.check_vectors or args.scheduler:
        raise InputError("--network goes with names only; it runs them in this environment")
    with tqdm(total=100, leave=False, disable=None, unit="%") as bar:

        def follow(what: str, done: float) -> None:
            bar.set_postfix_str(what, refresh=False)
            bar.n = round(100 * done)
            bar.refresh()

        ran = validate_network(
            args.names,
            args.dt,
            [args.network] if args.network else [],
            report=args.report,
            as_json=args.json,
            progress=follow,
        )
    if not ran:
        sys.exit(1)


def check_all(
    targets: Sequence[Target], checks: Sequence[str], dt_ms: float, limit_s: float, jobs: int
) -> list[Report]:
    """Check every target in a process of its own, with a progress bar; in the order given."""
    stop = threading.Event()
    with (
        tqdm(total=len(targets) * len(checks), leave=False, disable=None, unit="check") as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):

        def one(target: Target) -> Report:
            def follow(kind: str, content: Any) -> None:
                if kind == "start":
                    bar.set_postfix_str(f"{target.name}: {content}")
                else:
                    bar.update()

            try:
                report = check_apart(
                    target, checks, dt_ms=dt_ms, time_limit_s=limit_s, on_event=follow, stop=stop
                )
            except InputError as error:
                if len(targets) == 1:
                    raise
                # The others' results are worth more than an early end.
                report = Report(name=target.name, dt_ms=dt_ms, error=str(error))
            bar.update(len(checks) - len(report.results))
            return report

        running = [pool.submit(one, target) for target in targets]
        try:
            return [future.result() for future in running]
        except BaseException:  # Ctrl-C as well: no worker may outlive us
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def check_all_there(
    targets: Sequence[Target],
    checks: Sequence[str],
    dt_ms: float,
    limit_s: float,
    cluster: Cluster,
) -> list[Report]:
    """Check every target on a worker of a cluster, with a progress bar; in the order given."""
    reports = {}
    results = cluster.each(_check_there, targets, checks, dt_ms, limit_s)
    with tqdm(results, total=len(targets), leave=False, disable=None, unit="target") as bar:
        for index, found in bar:
            if isinstance(found, Failure):
                if len(targets) == 1:
                    raise InputError(found.reason)
                found = Report(name=targets[index].name, dt_ms=dt_ms, error=found.reason)
            reports[index] = found
    return [reports[index] for index in range(len(targets))]


def _check_there(target: Target, checks: Sequence[str], dt_ms: float, limit_s: float) -> Report:
    """Check one with the worker's own interpreter."""
    target = replace(target, python=sys.executable)
    return check_apart(target, checks, dt_ms=dt_ms, time_limit_s=limit_s)


def publish(reports: Sequence[Report], args: argparse.Namespace, command: str) -> None:
    """Print and write what was found, each output whatever becomes of the others.

    Raises
    ------
    InputError
        If something could not be written; everything else has been.
    """
    date, machine = provenance.now(), provenance.machine()
    meta = {"command": command, "date": date, "machine": machine}
    results = _json({"meta": meta, "reports": [report.to_json() for report in reports]})
    outputs: list[tuple[Path, Callable[[Path], None]]] = []

    def write_junit(path: Path) -> None:
        from bio_scnn.crossval.report_junit import junit_xml

        write_whole(path, junit_xml(reports))

    def write_page(path: Path) -> None:
        from bio_scnn.crossval.report_html import write_html

        write_html(reports, path, command=command, machine=machine, date=date)

    if args.report is not None:
        outputs.append((args.report / "results.json", lambda path: write_whole(path, results)))
    if args.junit is not None:
        outputs.append((args.junit, write_junit))
    if args.report is not None:
        outputs.append((args.report / "index.html", write_page))
    failures = []
    for path, write in outputs:
        try:
            write(path)
        except InputError as error:
            failures.append(str(error))
        except Exception as error:
            failures.append(f"{path}: cannot be made ({type(error).__name__}: {error})")
    _show(reports, args, results)
    if args.report is not None and not (failures or args.json):
        print(f"wrote {args.report / 'index.html'}")
    if failures:
        raise InputError("; ".join(failures))


def _show(reports: Sequence[Report], args: argparse.Namespace, results: bytes) -> None:
    if args.json:
        sys.stdout.write(results.decode())
        return
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for file in args.nir:
        from bio_scnn.crossval.nir_io import describe

        print(f"{file}:\n{textwrap.indent(describe(file), '  ')}\n")
    print(text_report(reports, _width(), colour))


def _check_outputs(args: argparse.Namespace) -> None:
    """Before anything is run: what cannot be written at the end."""
    if args.report is not None and args.report.exists() and not args.report.is_dir():
        raise InputError(f"--report {args.report}: is a file, and must be a folder")
    if args.junit is not None and not args.junit.parent.is_dir():
        raise InputError(f"--junit {args.junit}: there is no folder {args.junit.parent}")
    if args.junit is not None and args.junit.is_dir():
        raise InputError(f"--junit {args.junit}: is a folder, and must be a file")


def _json(table: dict[str, Any]) -> bytes:
    # What a framework says may hold half a character, which is no text.
    text = json.dumps(finite(table), indent=1, ensure_ascii=False) + "\n"
    return text.encode(errors="replace")


def _width() -> int:
    return shutil.get_terminal_size((100, 24)).columns


if __name__ == "__main__":
    run(main)
