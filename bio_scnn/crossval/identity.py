"""Identity of a layer in words, as reports hold it: sentences, shares, and differences."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Departure:
    """Difference of an identified neuron from the one that was meant.

    Attributes
    ----------
    cause, cause_code : str
        The difference in words, and as a code of `bio_scnn.crossval.causes`.
    effect : str
        What it does to the rate of a neuron; empty if that cannot be told.
    remedy : str
        What to change, in one line.
    """

    cause: str
    cause_code: str
    effect: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Identity:
    """Neuron that a layer was found to be, and its differences from the one that was meant.

    Attributes
    ----------
    code, physics : str
        The neuron in one sentence of code and one of physics; empty if none was found.
    spikes : int
        Spikes of the run that proved it.
    spikes_explained : float
        Share of them that the neuron has in the same steps.
    V_explained : float or None
        Share of V that it has too; None if V is not shown.
    compared_with : str
        What it was meant to be, in words; empty if nothing is known of that.
    departures : tuple of Departure
        Every difference from it.
    alternatives : tuple of str
        Other neurons, in code, that explain it equally well.
    excluded, remarks : tuple of str
        What does not explain it, and what cannot be told.
    judged_by_own : bool
        The checks compared it with the neuron it is, not with the one it was meant to be.
    unexplained : bool
        It works in a way in which no cause that a check sees by itself can be trusted.
    """

    code: str = ""
    physics: str = ""
    spikes: int = 0
    spikes_explained: float = 0.0
    V_explained: float | None = None
    compared_with: str = ""
    departures: tuple[Departure, ...] = ()
    alternatives: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    judged_by_own: bool = False
    unexplained: bool = False

    @property
    def sure(self) -> bool:
        """True if the neuron explains all spikes, but for one in a thousand."""
        return bool(self.code) and self.spikes_explained >= 0.999

    @property
    def cause(self) -> tuple[str, str]:
        """All departures in words and as a code, if they can be behind failures of the checks."""
        if not self.sure or self.judged_by_own:
            return "", ""
        return (
            "; ".join(d.cause for d in self.departures),
            "+".join(d.cause_code for d in self.departures),
        )
