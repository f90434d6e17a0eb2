"""Check LIF implementations against eq. 1: ``python -m bio_scnn.validate``."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bio_scnn.commands.options import add_quiet_option, add_scheduler_option, run
from bio_scnn.commands.parser import CommandParser
from bio_scnn.commands.progress import Progress
from bio_scnn.crossval.declared import KEYS, from_pyproject, overridden
from bio_scnn.crossval.identify.command import (
    add_recording_options,
    explain_recording,
    export_golden,
)
from bio_scnn.crossval.report.publish import check_outputs, publish
from bio_scnn.crossval.report.words import terminal_width
from bio_scnn.crossval.workers.isolation import Limits
from bio_scnn.crossval.workers.many import check_all, check_all_on_cluster
from bio_scnn.crossval.workers.targets import checks_to_run, find_targets, listing
from bio_scnn.errors import InputError
from bio_scnn.nir.command import add_graph_options, run_graph
from bio_scnn.runtime.cluster import connected
from bio_scnn.runtime.files import encodable

EPILOG = """\
examples:
  python -m bio_scnn.validate
      list the known implementations, the installed ones, and the checks
  python -m bio_scnn.validate snntorch norse --dt 1 --report report/
      check two frameworks at a time step of 1 ms; report/index.html has the curves
  python -m bio_scnn.validate my_layer.py:MyLayer --only refractory_period fi_curve
      run two checks on your own adapter class, step function or layer
  python -m bio_scnn.validate my_layer.py:layer
      identify the neuron, in code and in terms of eq. 1, and check the layer against it
  python -m bio_scnn.validate my_layer.py:layer --dt 1 --decay 0.9 --above
      check the layer against the neuron that you declare
  python -m bio_scnn.validate --command "./my_neuron {dir}"
      check a program in any language; it reads and writes files in a folder
  python -m bio_scnn.validate sinabs --python sinabs=envs/sinabs/bin/python
      use another environment that has bio_scnn and the framework
  python -m bio_scnn.validate norse brian2-stock --network photo.jpg --report report/
      compare a picture-restoring network with these neurons, layer by layer
  python -m bio_scnn.validate snntorch norse nengo --scheduler tcp://host:8786
      use a Dask cluster; the frameworks must be installed on its workers
  python -m bio_scnn.validate --recording chip.csv --dt 0.1 --nir model.nir
      identify the neuron in a recording of input, V and spikes, without its source
  python -m bio_scnn.validate chip.py:layer --dt 1 --decay 0.9 --word 16 --fraction 8
      check a layer in fixed point bit for bit against the machine that you declare
  python -m bio_scnn.validate --export-golden golden/ --word 16 --fraction 8 --dt 1
      write bit-exact inputs, V and spikes in fixed point, as hex for a test bench
  python -m bio_scnn.validate --graph network.nir --dialect norse --against norse
      run a whole network exactly and on a time grid, and name the node at which norse departs
  python -m bio_scnn.validate snntorch my_layer.py:layer --gradients
      compare surrogate gradients with exact derivatives of spike times and rates
  python -m bio_scnn.validate --all --junit junit.xml --json > results.json
      check everything installed, with output for programs
exit code: 0 if only declared failures occurred, 1 for other failures, 2 for bad input
"""


def parser() -> argparse.ArgumentParser:  # long, because there are as many options
    """The command line."""
    p = CommandParser(
        "validate",
        "Check implementations of the leaky integrate-and-fire neuron against eq. 1. "
        "The report gives each deviation, its cause, and its effect on the firing rate.",
        EPILOG,
    )
    what = p.add_argument_group("what to check")
    what.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="name of a known implementation, or module:object, or file.py:object",
    )
    what.add_argument(
        "--all", action="store_true", help="check all known implementations that are installed"
    )
    what.add_argument(
        "--list", action="store_true", help="list the known implementations, and stop"
    )
    what.add_argument(
        "--command", action="append", default=[], metavar='"CMD {dir}"', help="check a program"
    )
    what.add_argument(
        "--nir",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="check the neurons of a NIR file",
    )
    what.add_argument(
        "--check-vectors",
        type=Path,
        metavar="DIR",
        help="check recorded answers to exported vectors",
    )
    what.add_argument(
        "--export-vectors",
        type=Path,
        metavar="DIR",
        help="write test vectors (inputs and exact answers), and stop",
    )
    what.add_argument(
        "--network",
        nargs="?",
        const="",
        metavar="IMAGE",
        help="instead of the checks, put the named neurons into a network that restores the "
        "middle of a picture, and compare it layer by layer with exact neurons; torch:cpu, "
        "torch:cuda:tf32 and torch:cuda:bfloat16 name the whole network in PyTorch",
    )
    what.add_argument(
        "--gradients",
        action="store_true",
        help="instead of the checks, compare the surrogate gradients of the named PyTorch layers "
        "with exact derivatives of spike times and rates; with --graph and --against, those of "
        "each layer of a network",
    )
    add_recording_options(p)
    add_graph_options(p)
    add_declaration(p)
    how = p.add_argument_group("how")
    how.add_argument(
        "--dt",
        type=float,
        metavar="MS",
        help="time step (default: 0.1; for your own layer without a declared neuron 1, unless it "
        "has the neuron of Table 1)",
    )
    how.add_argument(
        "--only", nargs="+", default=[], metavar="CHECK", help="run only these checks"
    )
    how.add_argument("--skip", nargs="+", default=[], metavar="CHECK", help="skip these checks")
    how.add_argument(
        "--time-limit",
        type=float,
        default=Limits.check_s,
        metavar="S",
        help="time limit of each check in seconds (default: 60); loading gets at least 10",
    )
    how.add_argument(
        "--python", action="append", default=[], metavar="NAME=PATH",
        help="run NAME with another interpreter; bio_scnn must be installed there",
    )  # fmt: skip
    how.add_argument(
        "-j",
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="implementations checked, or with --graph inputs run, at the same time (default: 1)",
    )
    add_scheduler_option(how, needs="the same version of bio_scnn and the implementations")
    out = p.add_argument_group("output")
    out.add_argument(
        "--report", type=Path, metavar="DIR", help="folder for index.html and results.json"
    )
    out.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    out.add_argument("--junit", type=Path, metavar="FILE", help="file for JUnit XML")
    add_quiet_option(out, "the results only, no progress")
    return p


def add_declaration(p: argparse.ArgumentParser) -> None:
    """Add the options that declare the intended neuron of a layer."""
    group = p.add_argument_group(
        "the intended neuron of your layer",
        "Without these options the layer is identified and checked against the neuron that it "
        "implements. The table [tool.bio_scnn.validate] of pyproject.toml can hold them as well.",
    )
    for key, (kind, meaning) in KEYS.items():
        if kind is bool:
            group.add_argument(f"--{key}", action="store_const", const=True, help=meaning)
        else:
            convert = kind if isinstance(kind, type) else float
            metavar = {str: "WORD", int: "N"}.get(convert, "X")
            group.add_argument(f"--{key}", type=convert, metavar=metavar, help=meaning)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, check, report."""
    argv = sys.argv[1:] if argv is None else argv
    args = parser().parse_args(argv)
    check_options(args)
    if args.recording is not None:
        return explain_recording(args, args.dt)
    if args.graph is not None:
        return None if run_graph(args) else sys.exit(1)
    if args.export_golden is not None:
        return export_golden(args, args.dt or 0.1)
    check_outputs(args.report, args.junit)
    if args.export_vectors is not None:
        return export(args.export_vectors, args.quiet)
    if args.network is not None:
        return network(args)
    checks = checks_to_run(args.only, args.skip)
    said = {key: value for key in KEYS if (value := vars(args)[key.replace("-", "_")]) is not None}
    declare = overridden(from_pyproject(Path.cwd()), said)
    if args.gradients:
        from bio_scnn.crossval.gradients.command import run_gradients

        return None if run_gradients(args, declare) else sys.exit(1)
    targets = find_targets(
        args.names,
        args.command,
        args.nir,
        args.python,
        everything=args.all,
        declare=declare,
    )
    if args.list or not (targets or args.check_vectors):
        if not args.list and (args.report or args.junit or args.json):
            raise InputError("nothing to report on: name implementations, or give --all")
        print(listing(terminal_width()))
        return
    how = {"dt_ms": args.dt, "limits": Limits(check_s=args.time_limit)}
    if args.scheduler is None:
        with Progress(1, "checks", quiet=args.quiet) as bar:
            reports = check_all(targets, checks, **how, jobs=args.jobs, progress=told(bar))
    else:
        watched = Progress(1, "checks", quiet=args.quiet)
        with connected(args.scheduler) as cluster, watched as bar:
            reports = check_all_on_cluster(targets, checks, cluster, **how, progress=told(bar))
    if args.check_vectors is not None:
        from bio_scnn.crossval.vectors import check_vectors

        reports.append(check_vectors(args.check_vectors))
    publish(
        reports,
        command=shlex.join(["python", "-m", "bio_scnn.validate", *argv]),
        folder=args.report,
        junit=args.junit,
        as_json=args.json,
        nir_files=args.nir,
    )
    if not all(report.ok for report in reports):
        sys.exit(1)


def check_options(args: argparse.Namespace) -> None:
    """Refuse values out of range, and options that do not go together."""
    if not (0 < (args.dt or 0.1) < float("inf") and args.time_limit > 0 and args.jobs >= 1):
        raise InputError("--dt and --time-limit must be greater than 0, --jobs at least 1")
    if args.scheduler is not None and (args.command or args.nir or args.python):
        raise InputError(
            "--scheduler goes with names and modules that are installed on the workers; "
            "--command, --nir and --python mean files of this machine"
        )
    if args.recording is not None or args.graph is not None:
        return
    if args.input is not None or args.against:
        raise InputError("--input goes with --recording or --graph FILE, --against with --graph")


def export(directory: Path, quiet: bool) -> None:
    """Write the test vectors."""
    from bio_scnn.crossval.vectors import export_vectors

    with Progress(1, "vectors", quiet=quiet) as bar:
        export_vectors(directory, progress=lambda done: told(bar)("", done))
    if not quiet:
        print(f"wrote {encodable(str(directory))}; its README.md says what to do with it")


def network(args: argparse.Namespace) -> None:
    """Compare whole networks."""
    from bio_scnn.crossval.networks.pictures import compare_by_name
    from bio_scnn.crossval.networks.report import publish_networks

    if args.all or args.command or args.nir or args.python or args.check_vectors or args.scheduler:
        raise InputError("--network goes with names only; it runs them in this environment")
    images = [Path(args.network)] if args.network else []
    with Progress(1, "networks", quiet=args.quiet) as bar:
        found = compare_by_name(args.names, images, dt_ms=args.dt or 0.1, progress=told(bar))
    publish_networks(found, folder=args.report, as_json=args.json)
    if found.failures:
        sys.exit(1)


def told(bar: Progress) -> Callable[[str, float], None]:
    """Function that tells a bar what is done now, and the fraction finished."""
    return lambda what, done: bar.update(done - bar.n, what)


if __name__ == "__main__":
    run(main)
