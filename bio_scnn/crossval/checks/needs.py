"""The needs of checks: what a neuron must have for a check to mean anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from bio_scnn.crossval.protocol import family_of
from bio_scnn.crossval.subject import Subject

_Check = TypeVar("_Check", bound=Callable)

NEEDS: Mapping[str, tuple[str, Callable[[Subject], bool]]] = MappingProxyType(
    {
        "a spike": (
            "a neuron that fires",
            lambda subject: family_of(subject.params) != "LI",
        ),
        "a closed form": (
            "a rate in closed form, which the LIF has",
            lambda subject: family_of(subject.params) == "LIF",
        ),
        "relaxation": (
            "an integrator that relaxes as eq. 1 does, not Euler's method with dt >= tau",
            lambda subject: subject.relaxes,
        ),
        "hard reset": (
            "a reset to V_reset, which forgets what was before",
            lambda subject: getattr(subject.params, "reset", "value") == "value",
        ),
        "held drive": (
            "a current that is held over each step, not impulses",
            lambda subject: subject.claims.drive != "impulses",
        ),
    }
)
"""Needs by name: in words, and the test of a subject."""

PLAIN = ("a spike", "a closed form", "relaxation", "hard reset", "held drive")
"""Needs of what compares with the closed form of eq. 1 and eq. 2."""


def needs(*names: str) -> Callable[[_Check], _Check]:
    """Decorator that declares the needs of a check, keys of `NEEDS`."""

    def declare(check: _Check) -> _Check:
        check.needs = tuple(name for name in NEEDS if name in names)  # type: ignore[attr-defined] # read by `unmet`
        return check

    return declare


def unmet(check: Callable, subject: Subject) -> str:
    """The first need of a check that a subject does not meet, in words; empty if there is none."""
    for name in getattr(check, "needs", ()):
        said, holds = NEEDS[name]
        if not holds(subject):
            return f"it needs {said}"
    return ""
