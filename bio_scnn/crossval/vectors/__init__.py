"""Test vectors: files of currents and exact answers, for programs that bio_scnn cannot run.

`export_vectors` writes them, and `check_vectors` judges the answers that an implementation, on a
microcontroller or in a simulator of hardware, left beside them.
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bio_scnn.crossval import exchange
from bio_scnn.crossval.oracles.grid import GridTrace, grid_trace
from bio_scnn.crossval.protocol import Capabilities, Setup
from bio_scnn.crossval.results import Report
from bio_scnn.crossval.vectors.explain import with_causes
from bio_scnn.crossval.vectors.judge import judge
from bio_scnn.crossval.vectors.readme import (
    CONVENTIONS,
    TOLERANCES,
    TOLERANCES_MEAN,
    UNITS,
    readme,
)
from bio_scnn.crossval.vectors.stored import FORMAT, VERSION, golden_case, verified
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.trace import Trace, mean_rate_hz
from bio_scnn.runtime.config import from_table
from bio_scnn.runtime.files import write_whole

if TYPE_CHECKING:
    from bio_scnn.crossval.vectors.cases import Case
    from bio_scnn.neuron.recording import Recording

_GENERATORS = ("bio_scnn", "brian2", "numpy")


def export_vectors(
    directory: str | Path,
    *,
    params: LIFParameters = TABLE_1,
    progress: Callable[[float], None] | None = None,
    engine: Callable[..., Recording] | None = None,
) -> Path:
    """Write test vectors for programs in any language; a README in the folder explains them.

    Parameters
    ----------
    directory : path
        Made if need be. Vectors that are there already are written anew, answers are kept.
    params : LIFParameters
        The neuron; some cases vary V_reset and t_ref.
    progress : callable, optional
        Called with the fraction done after each case.
    engine : callable, optional
        Simulation that has to agree with the event-driven solution, called as `simulate`, which
        is the default.

    Returns
    -------
    Path
        The directory.

    Raises
    ------
    InputError
        If the directory holds something else, cannot be written, or independent exact solutions
        do not agree to 1e-9 ms with these parameters.

    Notes
    -----
    The same versions of the packages write the same bytes again.
    """
    directory = Path(directory)
    known = (directory / "manifest.json").is_file()
    if not known and directory.is_dir() and any(directory.iterdir()):
        raise InputError(f"{directory} is not empty and holds no test vectors: name a new one")
    # Here, because it brings Brian2.
    from bio_scnn.crossval.vectors.cases import cases, exact_answer, nearest_to_threshold

    chosen = list(cases(params))
    files: dict[str, bytes] = {}
    table: dict[str, Any] = {}
    for number, case in enumerate(chosen, 1):
        exact, agreed = exact_answer(case) if engine is None else exact_answer(case, engine)
        grid = grid_trace(case.current, case.dt_ms, case.params)
        nearest = nearest_to_threshold(case.current, case.dt_ms, case.params)
        table[case.name] = {
            "about": case.about,
            "dt_ms": case.dt_ms,
            "steps": case.current.shape[0],
            "neurons": case.current.shape[1],
            "spikes": sum(map(len, exact.spike_times_ms)),
            "grid_spikes": int(grid.raster.sum()),
            "nearest_to_threshold": float(nearest.min()),
            "exact_by": agreed,
            "params": asdict(case.params),
        }
        files |= {f"{case.name}/{k}": data for k, data in _contents(case, exact, grid).items()}
        if progress is not None:
            progress(number / (len(chosen) + 1))
    files["README.md"] = readme(params, table).encode()
    for name, data in files.items():
        write_whole(directory / name, data)
    # Last, so that a manifest never speaks of files that are not there.
    manifest = _manifest(params, table, files)
    write_whole(directory / "manifest.json", exchange.json_bytes(manifest))
    if progress is not None:
        progress(1.0)
    return directory


def _contents(case: Case, exact: Trace, grid: GridTrace) -> dict[str, bytes]:
    """Files of a case by name."""
    steps, neurons = case.current.shape
    setup = Setup(case.params, neurons, case.dt_ms)
    assert exact.membrane is not None
    return {
        "setup.json": exchange.json_bytes(exchange.setup_table(setup, steps)),
        "current.npy": exchange.npy_bytes(case.current),
        "current.csv": exchange.matrix_csv(case.current),
        "exact_spikes.npy": exchange.npy_bytes(_as_rows(exact)),
        "exact_spikes.csv": exchange.spikes_csv(exact.spike_times_ms),
        "exact_membrane.npy": exchange.npy_bytes(exact.membrane),
        "grid_spikes.npy": exchange.npy_bytes(grid.raster.astype(np.uint8)),
        "grid_spikes.csv": _grid_csv(grid.raster, case.dt_ms),
        "grid_membrane.npy": exchange.npy_bytes(grid.membrane),
        "rates.csv": _rates_csv(exact, Trace.from_raster(grid.raster, case.dt_ms)),
    }


def _manifest(
    params: LIFParameters, table: dict[str, Any], files: dict[str, bytes]
) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "generated_by": {
            **{name: metadata.version(name) for name in _GENERATORS},
            "python": platform.python_version(),
        },
        "generated_how": "bio_scnn.crossval.vectors.export_vectors; `exact_by` names, per case, "
        "the solutions that agree to 1e-9 ms in every spike and 1e-9 in V",
        "units": UNITS,
        "conventions": CONVENTIONS,
        "tolerances": {
            name: {"value": TOLERANCES[name], "meaning": text}
            for name, text in TOLERANCES_MEAN.items()
        },
        "params": asdict(params),
        "cases": table,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }


def check_vectors(directory: str | Path) -> Report:
    """Check the answers of an implementation to exported test vectors.

    Parameters
    ----------
    directory : path
        As `export_vectors` wrote it. A case is answered by ``answer_spikes.npy`` or ``.csv`` in
        its folder and, if there is V, ``answer_membrane.npy`` or ``.csv``; without ``answer_``
        will do. ``answer.json``, there or beside the manifest, holds fields of `Capabilities`
        that differ from their defaults: ``{"precise": true}``.

    Returns
    -------
    Report
        One result per case. Spikes of a clock-driven neuron are compared with the perfect one on
        the same grid that restarts at its previous spike; precise ones with the exact times.

    Raises
    ------
    InputError
        If a file of the vectors is missing or changed, or no case is answered.
    """
    began = time.monotonic()
    directory = Path(directory)
    manifest = verified(directory)
    claims = declared(directory, Capabilities())
    golden = [golden_case(directory, manifest, name) for name in manifest["cases"]]
    judged = [judge(case, declared(case.folder, claims)) for case in golden]
    if not any(verdict.answered for verdict in judged):
        raise InputError(
            f"{directory}: no case has an answer; write answer_spikes.npy or answer_spikes.csv "
            "into the folders of the cases, as README.md there says"
        )
    return Report(
        name=f"answers in {directory.name or directory}",
        summary="spikes that were computed elsewhere, from stored currents",
        versions={f"vectors by {k}": v for k, v in manifest["generated_by"].items()},
        capabilities=next((v.claims for v in judged if v.answered), claims),
        params=golden[0].params,
        dt_ms=golden[0].dt_ms,
        results=with_causes([v.result for v in judged], [v.answer for v in judged]),
        seconds=time.monotonic() - began,
    )


def declared(folder: Path, otherwise: Capabilities) -> Capabilities:
    """Claims of the answers in a folder.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    for name in ("answer.json", "capabilities.json"):
        path = exchange.find(folder, name)
        if path is not None:
            table = asdict(otherwise) | exchange.read_json(path)
            return from_table(Capabilities, table, str(path))
    return otherwise


def _as_rows(trace: Trace) -> np.ndarray:
    """Neuron and time in ms of each spike, ``(spikes, 2)``."""
    pairs = [(i, t) for i, train in enumerate(trace.spike_times_ms) for t in train]
    return np.array(pairs, dtype=np.float64).reshape(-1, 2)


def _grid_csv(raster: np.ndarray, dt_ms: float) -> bytes:
    rows = [f"{i},{n},{(n + 1) * dt_ms:.17g}\n" for i, n in np.argwhere(raster.T)]
    return ("neuron,step,time_ms\n" + "".join(rows)).encode()


def _rates_csv(exact: Trace, grid: Trace) -> bytes:
    lines = ["neuron,exact_spikes,exact_rate_hz,grid_spikes,grid_rate_hz"]
    columns = (exact.spike_times_ms, mean_rate_hz(exact), grid.spike_times_ms, mean_rate_hz(grid))
    for i, (one, rate, two, floor) in enumerate(zip(*columns, strict=True)):
        lines.append(f"{i},{len(one)},{rate:.17g},{len(two)},{floor:.17g}")
    return ("\n".join(lines) + "\n").encode()
