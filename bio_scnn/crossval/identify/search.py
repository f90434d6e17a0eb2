"""Search for the manner in which a layer wants to be called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bio_scnn.crossval.identify.copies import Original
from bio_scnn.crossval.identify.driving import Manner, Session, States
from bio_scnn.crossval.identify.experiments import (
    NEURONS,
    NOTHING,
    STEPS,
    Deadline,
    Drive,
    Influence,
    TooSlow,
    drive,
    influence,
    is_spiking,
    remembers,
    repeats,
)
from bio_scnn.crossval.identify.media import Layout, Medium, children, hidden, parameters
from bio_scnn.crossval.identify.states import (
    input_first,
    known_by_name,
    optional_states,
    places,
    required,
    starts,
)

_SEQUENCES = ("tn", "tn1", "t1n", "tn111", "t")
_STEPS = ("n", "n1", "1n", "n111", "")
_WIDE = ("tnw", "nwt", "tw", "t1w", "1tw", "1wt", "tnw1", "tnw11")
_WIDE_STEPS = ("nw", "w", "1w", "nw1", "nw11")
_RUN = (30, 3)  # steps and neurons of a layer that is driven step by step
_SWAP = str.maketrans("tn", "nt")
_MOST_WIDTHS = 6


@dataclass(frozen=True, eq=False)
class Found:
    """A manner that works, and what was seen.

    Attributes
    ----------
    manner : Manner
    drive : Drive
    influence : Influence
    sure : bool
        The experiments single it out; if not, it is only how layers are called as a rule.
    random : bool
        Two equal runs of new copies differ.
    """

    manner: Manner
    drive: Drive
    influence: Influence = NOTHING
    sure: bool = True
    random: bool = False


@dataclass
class Search:
    """Search for a layer's manner, and what went wrong on the way.

    Attributes
    ----------
    original : Original
    deadline : Deadline
    neuron : int
        The one that is meant of a layer with a fixed number.
    errors : list of Exception
        What the layer raised, the plainest call first.
    fallback : Found or None
        A call that works, though the experiments do not single it out.
    """

    original: Original
    deadline: Deadline
    neuron: int = 0
    errors: list[Exception] = field(default_factory=list)
    fallback: Found | None = None

    def find(self, media: Iterable[Medium], neurons: int | None) -> Found | None:
        """The manner that the experiments single out, or one that works at least."""
        names = required(self.original)
        try:
            for medium in media:
                if neurons is not None and neurons > 1:
                    found = self._wide(medium, [neurons])
                elif len(names) <= 1:
                    found = self._plain(medium, names)
                else:
                    found = self._with_states(medium, names)
                if found is not None or self.fallback is not None:
                    return found or self.fallback
        except TooSlow:
            pass
        return self.fallback

    def _plain(self, medium: Medium, names: list[str]) -> Found | None:
        argument = names[0] if names else ""
        found = self._any(medium, _SEQUENCES, _STEPS, argument)
        if found is not None or self.fallback is not None:
            return found
        return self._wide(medium, _widths(self.original.thing, self.errors))

    def _wide(self, medium: Medium, widths: Iterable[int]) -> Found | None:
        names = required(self.original)
        for width in widths:
            if self.neuron >= width:
                error = IndexError(f"there is no neuron {self.neuron} (from 0) among {width}")
                self.errors.insert(0, error)
                return None  # the first width is the likeliest
            found = self._any(medium, _WIDE, _WIDE_STEPS, names[0] if names else "", width)
            if found is not None:
                return found
        return None

    def _any(
        self,
        medium: Medium,
        sequences: tuple[str, ...],
        steps: tuple[str, ...],
        argument: str,
        width: int = 1,
    ) -> Found | None:
        for axes in sequences:
            manner = Manner(medium, Layout(axes, width, self.neuron if width > 1 else 0))
            seen = self._sequence(manner)
            if seen is not None and seen.sure:
                return seen
            if seen is not None and axes == sequences[0]:
                # It takes what most layers take: no other shape is tried.
                self.fallback = seen
                break
        if self.fallback is not None and self.fallback.random:
            return None
        return self._stepwise(medium, steps, argument, width)

    def _sequence(self, manner: Manner) -> Found | None:
        """All steps in one call, with the axis that turns out to be time; None if it fails."""
        try:
            base = drive(self.original, manner, STEPS, NEURONS, self.deadline)
            if not base.rows:
                return None
            if not repeats(self.original, manner, base):
                return Found(manner, base, sure=False, random=True)
            seen = influence(self.original, manner, base)
            if "time" in seen.causal:  # along both axes: neurons that are coupled
                return Found(manner, base, seen)
            if seen.axis_of_time == "neurons":
                swapped = manner.layout.axes.translate(_SWAP)
                manner = replace(manner, layout=replace(manner.layout, axes=swapped))
                base = drive(self.original, manner, STEPS, NEURONS, self.deadline)
                return Found(manner, base, influence(self.original, manner, base))
        except TooSlow:
            raise
        except Exception as error:  # whatever a layer raises that is called in a wrong way
            self.errors.append(error)
            return None
        return Found(manner, base, seen, sure=False)

    def _stepwise(
        self, medium: Medium, shapes: tuple[str, ...], argument: str, width: int
    ) -> Found | None:
        """One step a call, with the state inside, or handed over if it may be."""
        handed = optional_states(self.original)
        for axes in shapes:
            manner = Manner(
                medium, Layout(axes, width, self.neuron if width > 1 else 0), stepwise=True
            )
            found = self._steps(manner)
            if found is not None:
                return found
            if handed and (found := self._handed(replace(manner, argument=argument), handed)):
                return found
        return None

    def _steps(self, manner: Manner) -> Found | None:
        """A layer driven step by step, if what it was given before matters."""
        try:
            base = drive(self.original, manner, *_RUN, self.deadline)
            if not base.rows or not repeats(self.original, manner, base):
                return None
            return Found(manner, base) if remembers(self.original, manner, base) else None
        except TooSlow:
            raise
        except Exception as error:
            self.errors.append(error)
            return None

    def _handed(self, manner: Manner, names: tuple[str, ...], start: Any = None) -> Found | None:
        """State in and out, of the places in the answer that it may have."""
        try:
            trial = replace(manner, states=States(names, start, None))
            answer = Session(self.original, trial).answer_to(np.ones((1, _RUN[1])))
        except Exception as error:
            self.errors.append(error)
            return None
        tops = list(children(answer))
        counts = [len(names)] if start else range(min(len(names), max(len(tops) - 1, 1)), 0, -1)
        silent = None
        for count in counts:
            for place in places(answer, count):
                states = States(names[:count], start, place)
                found = self._steps(replace(manner, states=states))
                if found is None or _spikes_are_state(found, tops, place):
                    continue
                if found.drive.fired:
                    return found
                silent = silent or found
        return silent

    def _with_states(self, medium: Medium, names: list[str]) -> Found | None:
        """A layer that cannot be called without its state."""
        spare = None
        for argument in input_first(names)[:2]:
            others = tuple(name for name in names if name != argument)
            for axes in ("n", "n1", ""):
                manner = Manner(medium, Layout(axes), True, argument)
                for start in starts(self.original, manner, others):
                    whole = replace(
                        manner, layout=Layout("t" + axes), stepwise=False,
                        states=States(others, start, None),
                    )  # fmt: skip
                    seen = self._sequence(whole) if axes != "" else None
                    if seen is not None and seen.sure:
                        return seen
                    found = self._handed(manner, others, start)
                    if found and (known_by_name(names) or _in_order(found, names)):
                        return found
                    spare = spare or found
        return spare


def _spikes_are_state(found: Found, tops: list[str], place: tuple[int, ...] | None) -> bool:
    """True if the only array that looks like spikes is handed back as the state."""
    if place is None or not found.drive.fired:
        return False
    state = {tops[k] for k in place}
    spiking = [path for path, y in found.drive.rows.items() if is_spiking(y)]
    return all(path.partition(".")[0] in state for path in spiking)


def _in_order(found: Found, names: list[str]) -> bool:
    """True if the state stands on the same side of the input as of the spikes."""
    states = found.manner.states
    if states is None or states.returned is None:
        return True
    return (states.returned[0] == 0) == (names[0] in states.names)


def _widths(thing: Any, errors: list[Exception]) -> Iterator[int]:
    """Numbers of neurons that a layer may have: of its arrays, and in what it complained of."""
    arrays = list(hidden(thing).values())
    arrays += parameters(thing)
    sizes = [max(a.shape) for a in arrays if getattr(a, "shape", ()) and a.shape]
    said = [int(n) for error in errors for n in re.findall(r"\b\d+\b", str(error))]
    found = [n for n in dict.fromkeys([*sizes, *said]) if 1 <= n <= 100_000]
    known = [n for n in found if n not in (STEPS, NEURONS, 1)]
    yield from known[:_MOST_WIDTHS]
