"""Test vectors read back, and a layer written by hand that answers them."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text("utf-8"))


def cases(folder: Path) -> list[tuple[str, dict, np.ndarray]]:
    """Name, setup and current of every case."""
    return [
        (
            name,
            json.loads((folder / name / "setup.json").read_text("utf-8")),
            np.load(folder / name / "current.npy"),
        )
        for name in manifest(folder)["cases"]
    ]


def neuron(setup: dict, current: np.ndarray, *, more: int = 0, euler=False, dtype="float64"):
    """A clock-driven layer, written down once more: raster, and V after and before the reset."""
    keep = 1 - setup["dt_ms"] / setup["tau_ms"] if euler else None
    keep = math.exp(-setup["dt_ms"] / setup["tau_ms"]) if keep is None else keep
    keep, R, V_th, V_reset = np.array([keep, *(setup[k] for k in ("R", "V_th", "V_reset"))], dtype)
    V = np.full(current.shape[1], V_reset)
    free_at = np.zeros(V.shape, int)
    hold = max(round(setup["t_ref_ms"] / setup["dt_ms"]) + more, 0)
    raster, after, before = [], [], []
    for n, row in enumerate(current.astype(dtype)):
        V = np.where(n >= free_at, keep * V + (1 - keep) * (R * row), V)
        fired = V >= V_th
        before.append(V)
        V = np.where(fired, V_reset, V)
        free_at[fired] = n + 1 + hold
        raster.append(fired)
        after.append(V)
    assert V.dtype == dtype
    return np.array(raster), np.array(after), np.array(before)


def answer(folder: Path, raster=None, V=None, times=None) -> None:
    """Write an answer beside a case."""
    if raster is not None:
        np.save(folder / "answer_spikes.npy", raster)
    if V is not None:
        np.save(folder / "answer_membrane.npy", V)
    if times is not None:
        lines = [f"{i},{t!r}" for i, train in enumerate(times) for t in map(float, train)]
        (folder / "answer_spikes.csv").write_text("\n".join(["neuron,time_ms", *lines]))


def exact_times(folder: Path, neurons: int) -> list[np.ndarray]:
    with (folder / "exact_spikes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        np.array([float(r["time_ms"]) for r in rows if int(r["neuron"]) == i])
        for i in range(neurons)
    ]


def statuses(report) -> set[str]:
    return {result.status for result in report.results}
