"""Results of a simulation: spike counts, firing rates, spike trains and traces of V and I."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.neuron.trace import isi_rate_hz
from bio_scnn.neuron.units import one_of


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """Result of `simulate`: spike counts of all neurons, and trains, V and I of some.

    Attributes
    ----------
    count : (neurons,) int64 array
        Spikes in (0, duration].
    first_spike_ms, last_spike_ms : (neurons,) array, ms
        NaN where the neuron did not fire.
    record : tuple of int
        The recorded neurons; the next three follow its order.
    spike_trains_ms : tuple of (spikes,) arrays, ms
    t_ms : (steps + 1,) array, ms
        Time axis of `membrane`: the instants k dt, from 0 to the duration.
    membrane : (len(record), steps + 1) array, dimensionless
        V at `t_ms`, continuous from the right: V_reset from a spike until the release.
    current : (len(record), steps) array, dimensionless
        The total current I just after the start of each step, at `t_current_ms`: input, noise
        and synapses, less adaptation; the synaptic current alone in a CubaLIF.
    duration_ms, dt_ms : float, ms
    mode : {"exact", "stock"}
    target : {"numpy", "cython"}
        The code generation target that ran.

    Examples
    --------
    >>> from bio_scnn import simulate
    >>> simulate([9.0, 10.0, 20.0], duration_ms=25, record=[2])
    <Recording of 3 neurons, 25 ms in steps of 1 ms (exact, numpy): 8 spikes; recorded: 1 neuron>
    """

    count: NDArray[np.int64]
    first_spike_ms: NDArray[np.float64]
    last_spike_ms: NDArray[np.float64]
    record: tuple[int, ...]
    spike_trains_ms: tuple[NDArray[np.float64], ...]
    t_ms: NDArray[np.float64]
    membrane: NDArray[np.float64]
    current: NDArray[np.float64]
    duration_ms: float
    dt_ms: float
    mode: str
    target: str

    def __repr__(self) -> str:
        return (
            f"<Recording of {_plural(len(self.count), 'neuron')}, {self.duration_ms:g} ms in "
            f"steps of {self.dt_ms:g} ms ({self.mode}, {self.target}): "
            f"{_plural(self.total_spikes, 'spike')}; recorded: "
            f"{_plural(len(self.record), 'neuron')}>"
        )

    @property
    def t_current_ms(self) -> NDArray[np.float64]:
        """Time axis of `current`, ``(steps,)``, ms: the starts of the steps."""
        return self.t_ms[:-1]

    @property
    def total_spikes(self) -> int:
        """Spikes of all neurons together."""
        return int(self.count.sum())

    def rate_hz(self, readout: str = "isi") -> NDArray[np.float64]:
        """Firing rate of every neuron.

        Parameters
        ----------
        readout : {"isi", "count"}
            ``"isi"`` is the inverse of the mean inter-spike interval, exact from two spikes on.
            ``"count"`` is spikes per duration, in levels of 1/duration.

        Returns
        -------
        (neurons,) array, Hz
            With ``"isi"``, 0 for no spike and NaN for a single one: one spike shows no interval,
            and either a rate of 0 or a guess would be wrong. Simulate longer to avoid it.

        Raises
        ------
        InputError
            If `readout` is another word.
        """
        one_of("readout", readout, ("isi", "count"))
        if readout == "count":
            return self.count / (self.duration_ms * 1e-3)
        return isi_rate_hz(self.count, self.first_spike_ms, self.last_spike_ms, single=np.nan)

    def spike_arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Spikes of the recorded neurons as two arrays ``(i, t_ms)``, as a raster plot takes them.

        Returns
        -------
        i : (spikes,) int64 array
            Index of the neuron in the layer, one of `record`.
        t_ms : (spikes,) array, ms
            Ascending.

        Raises
        ------
        InputError
            If no neuron was recorded.

        Examples
        --------
        >>> from bio_scnn import simulate
        >>> i, t_ms = simulate([9.0, 20.0], duration_ms=12, record=[0, 1]).spike_arrays()
        >>> i.tolist(), t_ms.round(3).tolist()
        ([1, 1, 0], [4.214, 9.429, 10.053])
        """
        self._require_recorded()
        i = np.repeat(np.array(self.record, np.int64), [len(t) for t in self.spike_trains_ms])
        t_ms = np.concatenate(self.spike_trains_ms)
        order = np.argsort(t_ms, kind="stable")
        return i[order], t_ms[order]

    def to_dataframe(self) -> Any:
        """Spikes of the recorded neurons as a pandas DataFrame: columns ``neuron``, ``time_ms``.

        Raises
        ------
        InputError
            If no neuron was recorded, or pandas is not installed.
        """
        neuron, time_ms = self.spike_arrays()
        pandas = _optional("pandas", "to_dataframe")
        return pandas.DataFrame({"neuron": neuron, "time_ms": time_ms})

    def to_neo(self) -> Any:
        """Spike trains, V and I of the recorded neurons as a Neo Segment.

        Returns
        -------
        neo.Segment
            A SpikeTrain for each neuron, whose annotation ``neuron`` is its index in the layer,
            and the AnalogSignals ``V``, at `t_ms`, and ``I``, at `t_current_ms`, with a channel
            for each. V and I are dimensionless.

        Raises
        ------
        InputError
            If no neuron was recorded, or Neo is not installed.
        """
        self._require_recorded()
        neo = _optional("neo", "to_neo")
        ms = _optional("quantities", "to_neo").ms
        segment = neo.Segment(name="bio_scnn", dt_ms=self.dt_ms, mode=self.mode)
        for neuron, train in zip(self.record, self.spike_trains_ms, strict=True):
            stop = max([self.duration_ms, *train[-1:]])  # rounding may put a spike just after it
            segment.spiketrains.append(neo.SpikeTrain(train * ms, t_stop=stop, neuron=neuron))
        for name, signal in (("V", self.membrane), ("I", self.current)):
            segment.analogsignals.append(
                neo.AnalogSignal(
                    signal.T,
                    units="dimensionless",
                    t_start=0 * ms,
                    sampling_period=self.dt_ms * ms,
                    name=name,
                    array_annotations={"neuron": np.array(self.record)},
                )
            )
        return segment

    def plot(self, axes: Any = None) -> Any:
        """Plot V with the spikes above it, and I below, of the recorded neurons.

        Parameters
        ----------
        axes : two matplotlib Axes, optional
            Where to draw V and I; by default in a new figure of pyplot's.

        Returns
        -------
        (2,) array of matplotlib Axes

        Raises
        ------
        InputError
            If no neuron was recorded.
        """
        self._require_recorded()
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.subplots(2, sharex=True, layout="constrained")[1]
        above, below = axes
        colors = [f"C{row % 10}" for row in range(len(self.record))]
        low, high = np.min(self.membrane), np.max(self.membrane)
        row_height = 0.06 * ((high - low) or 1.0)
        rows = high + row_height * (1 + np.arange(len(self.record)))
        above.eventplot(
            self.spike_trains_ms, lineoffsets=rows, linelengths=0.8 * row_height, colors=colors
        )
        for row, color in enumerate(colors):
            label = f"neuron {self.record[row]}"
            above.plot(self.t_ms, self.membrane[row], color=color, label=label)
            below.stairs(self.current[row], self.t_ms, baseline=None, color=color)
        above.set_ylabel("membrane potential V")
        below.set_ylabel("current I")
        below.set_xlabel("time (ms)")
        if len(self.record) <= 10:
            above.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, fontsize="small")
        return np.array([above, below])

    def _require_recorded(self) -> None:
        if not self.record:
            raise InputError(
                "no neuron was recorded: name those to keep with simulate(..., record=[0, 1])"
            )


def _plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _optional(package: str, method: str) -> Any:
    """A package that only one method needs."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise InputError(f"{method} needs {package}: pip install {package}") from None
