"""Search for the way in which the neurons of a layer depend on one another."""

from __future__ import annotations

import math
from dataclasses import replace

from bio_scnn.crossval.causes import both, cause
from bio_scnn.crossval.faults.fitting import Data, Fit, losses, matching
from bio_scnn.crossval.faults.hypothesis import Hypothesis, change
from bio_scnn.crossval.faults.inputs import SHAPES
from bio_scnn.crossval.faults.machine import Machine
from bio_scnn.crossval.faults.probes import answers, declared
from bio_scnn.crossval.faults.search import Fault, search
from bio_scnn.crossval.subject import Subject

_SEARCHED = 2  # ways of mixing the inputs, of which a fault beside is looked for
_MIXED = (
    *("neurons.summed/all", "neurons.summed/before", "neurons.centred"),
    *("neurons.neighbour/before", "neurons.neighbour/after"),
)
_SHARED = ("reset", "refractory", "one", "adaptation")


def coupled(subject: Subject) -> Fault | None:
    """Fault of a layer whose neurons are not independent, beside one of each neuron at most.

    Inputs that were mixed are mixed in the same way for a search among neurons that are apart.

    Parameters
    ----------
    subject : Subject

    Returns
    -------
    Fault or None
        None if no way in which neurons may be coupled reproduces its answers.

    Raises
    ------
    Exception
        Whatever the layer raises under the drives.
    """
    options = declared(subject)
    if not (0 < options[0].threshold < math.inf):
        return None
    data = answers(subject, options[0])
    return _shared(options, data) or _mixed(options[0], data)


def _mixed(base: Machine, data: tuple[Data, Data, Data]) -> Fault | None:
    seen, own = {}, losses(data[0], [base])[0]
    for key in _MIXED:
        first, more, proof = (replace(d, x=SHAPES[key.partition(".")[2]](d.x)) for d in data)
        seen[key] = losses(first, [base])[0], (first, more, proof)
    nearer = sorted((key for key in _MIXED if seen[key][0] < own), key=lambda key: seen[key][0])
    for key in nearer[:_SEARCHED]:
        found = search(base, seen[key][1])
        if found is None:
            return Fault(cause(key), base, 1.0, int(data[2].spikes.sum()))
        if found.cause is not None:
            return replace(found, cause=both([cause(key), found.cause]))
    return None


def _shared(options: list[Machine], data: tuple[Data, Data, Data]) -> Fault | None:
    for base in options:
        for what in _SHARED:
            missing = {"refractory": not base.refractory, "adaptation": not base.b}
            if missing.get(what):
                continue
            h = Hypothesis(f"neurons.share/{what}", change(all_neurons=what))
            found = Fit(h, (), h.make(base), 0.0)
            if matching(data, found):
                return Fault(h.cause(()), found.machine, 1.0, int(data[2].spikes.sum()))
    return None
