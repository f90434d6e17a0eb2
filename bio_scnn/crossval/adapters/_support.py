"""What several simulators' adapters need: a quiet import, and spikes sorted by neuron."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import warnings
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import ArrayLike, NDArray


def quiet_import(name: str, **environment: str) -> Any:
    """Import a framework without its banner, its warnings, and its reading of our arguments.

    Parameters
    ----------
    name : str
    **environment : str
        Variables that are set while it is imported, such as one that silences it.

    Returns
    -------
    module
    """
    if name in sys.modules:
        return sys.modules[name]
    with (
        mock.patch.dict(os.environ, environment),
        mock.patch.object(sys, "argv", sys.argv[:1]),  # NEST and NEURON parse it
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # deprecated NumPy names in packages that are not ours
        return importlib.import_module(name)


def split_by_neuron(
    neuron: ArrayLike, times_ms: ArrayLike, neurons: int
) -> tuple[NDArray[np.float64], ...]:
    """Spike trains, each ascending, of spikes listed in any order.

    Parameters
    ----------
    neuron : (spikes,) array_like of int
        From 0.
    times_ms : (spikes,) array_like, ms
    neurons : int
    """
    neuron = np.asarray(neuron, dtype=np.intp)
    times = np.asarray(times_ms, dtype=np.float64)
    order = np.lexsort((times, neuron))
    splits = np.cumsum(np.bincount(neuron, minlength=neurons))[:-1]
    return tuple(np.split(times[order], splits))
