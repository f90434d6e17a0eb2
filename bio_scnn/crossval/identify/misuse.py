"""Wrong use of a layer that is found while it is driven: each in a sentence, with a remedy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bio_scnn.crossval.identify.driving import Session
from bio_scnn.crossval.identify.experiments import differing, goes_on
from bio_scnn.crossval.identify.media import is_module
from bio_scnn.crossval.identify.outputs import Spikes
from bio_scnn.crossval.identify.search import Found
from bio_scnn.crossval.identify.states import known_by_name, required


@dataclass(frozen=True)
class Remark:
    """Wrong use of a layer that was found, and worked around where possible.

    Attributes
    ----------
    code : str
        Stays the same when words change.
    text : str
        A sentence.
    remedy : str
        What to do about it; empty if nothing need be done.
    """

    code: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


_COUPLED = Remark(
    "coupled",
    "its neurons are coupled: the input of one changes what others give",
    "check the neurons without the layers between them",
)
_OUTPUTS = {
    "several": Remark(
        "spikes.several",
        "it gives whole numbers of spikes, several in a step",
        "each is counted; a layer of eq. 2 fires at most once a step",
    ),
    "negative": Remark(
        "spikes.negative",
        "it gives negative spikes, too",
        "only the positive ones are counted",
    ),
    "signed": Remark(
        "spikes.signed",
        "it gives -1 without a spike and 1 with one",
        "1 is taken for a spike, -1 for none; return 0 and 1",
    ),
    "graded": Remark(
        "spikes.graded",
        "its outputs are graded numbers, not 0 or 1",
        "whatever is not 0 is taken for a spike; return the comparison of V and the threshold",
    ),
    "membrane": Remark(
        "spikes.membrane",
        "it gives numbers that look like V, and no spikes",
        "return the spikes, 0 or 1, before V",
    ),
    "not finite": Remark(
        "spikes.not-finite",
        "its outputs are not finite (NaN or infinite)",
        "look for a division by 0 or an overflow",
    ),
}


def of_conduct(found: Found, session: Session) -> list[Remark]:
    """Remarks on how a layer behaves between runs, and on what it does to its input."""
    original, remarks = session.original, []
    if found.random:
        remarks.append(
            Remark(
                "random",
                "two equal runs differ: it draws random numbers, or keeps a state outside itself",
                "seed it from Setup.seed, or keep the state in the layer",
            )
        )
    if not original.copied:
        remarks.append(
            Remark(
                "not-copied",
                "it cannot be copied, so it is run itself, and its state goes on",
                "give a factory that makes a new layer",
            )
        )
    left, undone = (False, None)
    if not found.random and found.drive.fired:
        left, undone = goes_on(original, found.manner, found.drive)
    if undone is False:
        remarks.append(
            Remark(
                "reset.incomplete",
                "its own reset does not bring back the initial state",
                "reset V and every counter; each run here is one of a new copy",
            )
        )
    elif left and undone is None:
        remarks.append(
            Remark(
                "state-left",
                "it keeps its state from one run to the next and has no reset",
                "give it a method `reset`; each run here is one of a new copy",
            )
        )
    if session.wrote:
        remarks.append(
            Remark("input-written", "it writes to its input", "work on a copy: x = x.clone()")
        )
    if session.needs_grad:
        remarks.append(
            Remark("requires-grad", "its outputs are part of a graph of gradients; detached here")
        )
    return remarks


def of_outputs(found: Found, spikes: Spikes) -> list[Remark]:
    """Remarks on what comes out, and on what could not be found out."""
    remarks = [_OUTPUTS[spikes.kind]] if spikes.kind in _OUTPUTS else []
    if spikes.kind == "scaled":
        remarks.append(
            Remark(
                "spikes.scaled",
                f"its spikes are {spikes.value:.6g}, not 1",
                "whatever is not 0 is taken for a spike; divide them",
            )
        )
    if found.influence.coupled:
        remarks.append(_COUPLED)
    elif not found.sure and not found.random:
        remarks.append(_unsure(found))
    return remarks


def _unsure(found: Found) -> Remark:
    if not found.influence.local:
        return Remark(
            "acausal",
            "its outputs depend on later inputs as on earlier ones",
            "go through the steps in their order",
        )
    as_rule = "it is taken for a layer of (time, batch), as most are"
    if not found.drive.fired:
        return Remark(
            "silent",
            "it never fired, for held inputs of either sign up to 1.7e+07, so its axes cannot be "
            f"told apart; {as_rule}",
            "check the threshold and the gain of the input",
        )
    return Remark(
        "memoryless",
        "each output depends on the input of the same place alone: it has no memory, or takes one "
        f"step a call and forgets it; {as_rule}",
    )


def of_form(found: Found) -> list[Remark]:
    """Remarks on the shape that a layer wants."""
    manner = found.manner
    axes, shape = manner.layout.axes, str(manner.layout)
    remarks = []
    if "w" in axes:
        remarks.append(_width(found))
    elif not manner.stepwise and 0 <= axes.find("n") < axes.find("t"):
        remarks.append(
            Remark(
                "batch-first",
                f"it is batch first: it takes {shape}, the time axis behind, not (time, batch)",
                "the axes are exchanged for it",
            )
        )
    if manner.stepwise:
        state = "its state inside" if manner.states is None else "the state handed over"
        remarks.append(
            Remark(
                "one-step",
                f"it takes one step at a time, with {state}, and no time axis",
                "it is called in a loop over the steps",
            )
        )
    if len(axes.replace("w", "")) > 2:
        remarks.append(
            Remark("axes", f"it takes {len(axes)} axes, {shape}", "the further ones have length 1")
        )
    return remarks


def _width(found: Found) -> Remark:
    layout = found.manner.layout
    text = f"it has {layout.width} neurons of its own, and number {layout.neuron} is meant"
    return Remark(
        "fixed-width",
        f"{text} (counted from 0)",
        f"each current is given to all {layout.width}; as_adapter(..., neuron=...) takes another",
    )


def of_arguments(found: Found, session: Session) -> list[Remark]:
    """Remark on arguments whose names do not tell the input from the state."""
    names = required(session.original)
    if len(names) < 2 or known_by_name(names):
        return []
    return [
        Remark(
            "arguments",
            f"of its arguments {' and '.join(names)}, {found.manner.argument} is taken for the "
            "input, since nothing tells them apart",
            "call the input x",
        )
    ]


def differing_neurons(found: Found, session: Session) -> list[Remark]:
    """Remark on a layer whose own neurons are not alike."""
    layout = found.manner.layout
    if "w" not in layout.axes:
        return []
    alone = Session(session.original, replace(found.manner, layout=replace(layout, alone=True)))
    if differing(found.drive.rows, alone.run(found.drive.x)).any():
        return [_COUPLED]
    others = {0, layout.width // 2, layout.width - 1} - {layout.neuron}
    for neuron in sorted(others):
        manner = replace(found.manner, layout=replace(layout, neuron=neuron))
        rows = Session(session.original, manner).run(found.drive.x)
        if differing(found.drive.rows, rows).any():
            return [
                Remark(
                    "neurons-differ", "its neurons differ from each other", "check each of them"
                )
            ]
    return []


def fixed_steps(found: Found, session: Session) -> bool:
    """True if what was taken for a layer's own neurons are steps: later ones depend on others."""

    def depends(neuron: int) -> bool:
        layout = replace(found.manner.layout, neuron=neuron)
        together, alone = (
            Session(session.original, replace(found.manner, layout=replace(layout, alone=alone)))
            for alone in (False, True)
        )
        x = found.drive.x[:1]  # a further call has the state of all steps before
        return bool(differing(together.run(x), alone.run(x)).any())

    layout = found.manner.layout
    alike = found.manner.stepwise and "w" in layout.axes
    return alike and depends(layout.width - 1) and not depends(0)


def in_training(thing: Any) -> tuple[str, ...]:
    """Kinds of a module's parts that act otherwise in training: batch norm and dropout."""
    if not is_module(thing):
        return ()
    parts = (type(part).__name__ for part in thing.modules() if part.training)
    kinds = (n for n in parts if "BatchNorm" in n or "Dropout" in n or "InstanceNorm" in n)
    return tuple(dict.fromkeys(kinds))
