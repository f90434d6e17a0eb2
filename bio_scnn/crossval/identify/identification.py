"""Identification: the stepped neuron that explains a layer or a recording, and how well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bio_scnn.crossval.identify.stepped import SteppedNeuron

VShown = Literal[
    "after reset",
    "before reset",
    "after reset, a step late",
    "before reset, a step late",
    "none",
]


@dataclass(frozen=True)
class Identification:
    """Neuron found in a layer or a recording, and how much of the data it explains.

    Attributes
    ----------
    neuron : SteppedNeuron or None
        The neuron that explains the data best, stepped on the same input; None if there is none.
    dt_ms : float or None, ms
        Time step; None if only steps are known.
    spikes_explained : float
        Share of the spikes that the neuron has in the same steps, 0 to 1. A spike too many counts
        as one that is not explained.
    V_explained : float or None
        Share of the shown V that the neuron has too; None if no V was shown.
    V_error : float or None
        Largest error of V, in the unit in which V is shown.
    spikes : int
        Spikes in the data.
    spikes_wrong : int
        Spikes that the neuron lacks, and those it has too many.
    V_scale : float
        Shown V, divided by the V of `neuron`.
    V_shown : {"after reset", "before reset", "none"}
        With ", a step late" behind it if what is shown is V of the step before.
    alternatives : tuple of SteppedNeuron
        Other neurons that explain the data equally well.
    excluded : tuple of str
        Neurons that were tried and do not explain the data.
    remarks : tuple of str
        What the data cannot tell, and what else is worth knowing.
    resolution : float
        Relative error of the neuron's numbers: what rounding hides, or shorter numbers change.
    """

    neuron: SteppedNeuron | None
    dt_ms: float | None
    spikes_explained: float
    V_explained: float | None
    V_error: float | None
    spikes: int
    spikes_wrong: int
    V_scale: float = 1.0
    V_shown: VShown = "none"
    alternatives: tuple[SteppedNeuron, ...] = ()
    excluded: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    resolution: float = 0.0

    @property
    def exact(self) -> bool:
        """True if the neuron has every spike in its step, and every V that is shown."""
        return (
            self.neuron is not None and not self.spikes_wrong and self.V_explained in (None, 1.0)
        )

    def __str__(self) -> str:
        """The first screen."""
        from bio_scnn.crossval.identify.readings import code_sentence, physics_sentence

        lines = []
        if self.neuron is None:
            lines.append("no neuron was found that explains this")
        else:
            lines += [code_sentence(self.neuron), physics_sentence(self.neuron, self.dt_ms)]
            lines.append(f"explains {self._shares()}")
        if self.alternatives:
            lines.append("these explain it equally well:")
            lines += [f"  {code_sentence(other)}" for other in self.alternatives]
        if self.excluded:
            lines.append("excluded: " + "; ".join(self.excluded))
        return "\n".join([*lines, *self.remarks])

    def _shares(self) -> str:
        right = round(self.spikes_explained * self.spikes)
        text = f"{right:,} of {self.spikes:,} spikes"
        if self.V_explained is not None:
            share = f"{100 * self.V_explained:.4g} % of V"
            text += f" and {share} (largest error {self.V_error:.2g})"
        return text
