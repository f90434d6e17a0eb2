"""An implementation that is a program: arrays in, arrays out, in any language."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from bio_scnn.crossval import exchange
from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Capabilities, Setup
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.trace import Trace
from bio_scnn.neuron.units import to_number

_STDERR_LINES = 5


class _TooSlow(InputError):
    """The program did not end in time."""


class CommandAdapter(Adapter):
    """A program that reads currents from files and writes its spikes to files.

    Parameters
    ----------
    command : str
        Program and arguments, quoted as for a POSIX shell, though no shell is involved. ``{dir}``
        stands for a directory that holds ``setup.json`` and ``current.npy`` and takes the
        answer; ``{csv}`` for the same current as CSV, which is only written if it is asked for.
    name : str, optional
        For reports; the command without its placeholders by default.
    capabilities : Capabilities or path of a JSON file, optional
        By default the program is run once, on one silent neuron, and what it writes to
        ``capabilities.json`` is taken; without that file, the defaults of `Capabilities` are,
        with or without V as it was given. So they are if it does not end in time.
    params : LIFParameters, optional
        Neuron that is checked.
    fixed_dt_ms : float, ms, optional
        Time step, if the program has only one.
    timeout_s : float, s
        For one run.

    Raises
    ------
    InputError
        If there is no such program, it does not run, or an argument cannot be used.

    Notes
    -----
    A run is a process of its own, so there is nothing to reset.
    """

    counts_from_rest = True

    def __init__(
        self,
        command: str,
        *,
        name: str | None = None,
        capabilities: Capabilities | str | os.PathLike[str] | None = None,
        params: LIFParameters | None = None,
        fixed_dt_ms: float | None = None,
        timeout_s: float = 60,
    ):
        self.command = _split(command)
        self.name = name or _name(self.command)
        self.params = TABLE_1 if params is None else params
        if fixed_dt_ms is not None:
            self.fixed_dt_ms = to_number(fixed_dt_ms, "fixed_dt_ms", "ms")
        self.timeout_s = to_number(timeout_s, "timeout_s", "dimensionless")
        for what, value in (("fixed_dt_ms", self.fixed_dt_ms), ("timeout_s", self.timeout_s)):
            if value is not None and value <= 0:
                raise InputError(f"{what} (={value:g}) must be greater than 0")
        if self.fixed_dt_ms is not None:
            self.cannot = (f"a time step other than {self.fixed_dt_ms:g} ms",)
        if capabilities is None:
            self.capabilities = self._ask()
        elif isinstance(capabilities, Capabilities):
            self.capabilities = capabilities
        else:
            self.capabilities = exchange.read_capabilities(Path(capabilities))

    def build(self, setup: Setup) -> None:
        if self.fixed_dt_ms is not None and abs(setup.dt_ms / self.fixed_dt_ms - 1) > 1e-9:
            raise CannotRepresent(
                f"{self.name} has a time step of {self.fixed_dt_ms:g} ms, not {setup.dt_ms:g} ms"
            )
        self.setup = setup

    def run(self, current: NDArray[np.float64]) -> Trace:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            directory = Path(folder)
            self._execute(directory, current)
            try:
                return _answer(directory, current.shape, self.setup.dt_ms, self.capabilities)
            except InputError as error:
                raise InputError(f"{self.name}: {error}") from None

    def reset(self) -> None:
        raise CannotRepresent(f"{self.name} has nothing to reset: every run is a new process")

    def _ask(self) -> Capabilities:
        """Capabilities that the program declares when it is run on one silent neuron."""
        self.setup = Setup(self.params, dt_ms=self.fixed_dt_ms or Setup.dt_ms)
        current = np.zeros((1, 1))
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            directory = Path(folder)
            try:
                self._execute(directory, current)
            except (CannotRepresent, _TooSlow):  # for the checks to find, each for itself
                return Capabilities()
            try:
                declared = directory / "capabilities.json"
                if declared.exists():
                    return exchange.read_capabilities(declared)
                trace = _answer(directory, current.shape, self.setup.dt_ms, Capabilities())
            except InputError as error:
                raise InputError(f"{self.name}: {error}") from None
        return Capabilities(membrane="none" if trace.membrane is None else "after reset")

    def _execute(self, directory: Path, current: NDArray[np.float64]) -> None:
        """Write the question, run the program; what it wrote is still to be read."""
        table = exchange.setup_table(self.setup, len(current))
        (directory / "setup.json").write_bytes(exchange.json_bytes(table))
        values = np.asarray(current, dtype=np.float64)
        (directory / "current.npy").write_bytes(exchange.npy_bytes(values))
        csv = directory / "current.csv"
        if any("{csv}" in word for word in self.command):
            csv.write_bytes(exchange.matrix_csv(values))
        words = [
            w.replace("{dir}", str(directory)).replace("{csv}", str(csv)) for w in self.command
        ]
        # Files, not pipes: a child of the program that outlives it would keep a pipe open.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                # In the caller's process group, so that whoever ends that ends the program too.
                done = subprocess.run(
                    words,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    timeout=self.timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise _TooSlow(
                    f"{self.name} did not end within {self.timeout_s:g} s "
                    f"({current.shape[0]} steps, {current.shape[1]} neurons){_said(err, out)}"
                ) from None
            except OSError as error:
                raise InputError(f"{words[0]}: cannot be run ({error.strerror})") from None
            if why := exchange.refusal(directory):
                raise CannotRepresent(why)
            if done.returncode:
                raise InputError(f"{self.name} {_ended(done.returncode)}{_said(err, out)}")


def _split(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InputError(f"command {command!r} cannot be split into words: {error}") from None
    if not words or not any("{dir}" in word for word in words[1:]):
        raise InputError(
            f"command {command!r} must be a program followed by arguments, one of which holds "
            "{dir}: './lif {dir}'"
        )
    if shutil.which(words[0]) is None:
        raise InputError(f"{words[0]}: no such program, or it is not executable")
    return words


def _name(words: list[str]) -> str:
    plain = [word for word in words[1:] if "{" not in word]
    return " ".join([os.path.basename(words[0]), *plain])


def _answer(directory: Path, shape: tuple[int, ...], dt_ms: float, claims: Capabilities) -> Trace:
    """Spikes and V from the files that the program wrote."""
    steps, neurons = shape
    path = exchange.find(directory, "spikes")
    if path is None:
        raise InputError("it ended without an error, but wrote neither spikes.npy nor spikes.csv")
    trace = exchange.read_spikes(path, (steps, neurons), dt_ms, claims.spike_label)
    path = exchange.find(directory, "membrane")
    V = None if path is None else exchange.read_matrix(path, (steps, neurons), "V")
    return Trace(trace.spike_times_ms, V)


def _ended(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"


def _said(*outputs: BinaryIO) -> str:
    """The last lines of the first output that has any."""
    for output in outputs:
        output.seek(0, os.SEEK_END)
        output.seek(max(output.tell() - 4000, 0))
        lines = output.read().decode(errors="replace").split("\n")
        if last := [line.strip() for line in lines if line.strip()][-_STDERR_LINES:]:
            return ": " + " | ".join(last)
    return ""
