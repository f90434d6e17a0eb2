"""Results of a validation: one per check, and one report per implementation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bio_scnn.crossval.identity import Identity
from bio_scnn.crossval.protocol import Capabilities
from bio_scnn.neuron.models import NeuronParameters
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.runtime.config import from_table

Status = Literal["passed", "failed", "xfail", "xpass", "skipped", "error"]
CONDUCT = ("determinism", "batch_invariance", "permutation", "state_reset")
"""Checks of what any layer owes its users, whose failure explains the others', deepest first."""

# The same of eq. 1.
_ROOTS = (
    "as_declared",
    "subthreshold_membrane",
    "fi_curve",
    "refractory_period",
)

# Causes that a check sees, and need no neuron to prove them.
_SEEN = (
    *("state.", "neurons.", "random.", "start.random", "ignored.", "output.silent"),
    *("membrane.not-finite", "input.non-finite-spreads"),
)

# Draws that explain why neurons and runs differ.
_AT_RANDOM = "format.stochastic"

UNEXPECTED = ("failed", "error")
"""The statuses that make a validation fail."""


@dataclass(frozen=True)
class CheckResult:
    """One check of one implementation.

    Attributes
    ----------
    check : str
        Name of the check, as in ``refractory_period``.
    status : str
        ``passed``; ``failed``; ``xfail``, a failure that was declared; ``xpass``, a declared
        failure that did not happen; ``skipped``, cannot be represented; ``error``, the
        implementation raised, crashed or exceeded the time limit.
    observed, expected : str
        In words and numbers, with units.
    cause : str
        The likely cause of a failure, in words; empty if none is known.
    cause_code : str
        The same as a code of `bio_scnn.crossval.causes`, which stays when words change.
    effect : str
        What the failure does to a 150 Hz neuron.
    reason : str
        Why it was expected to fail or skipped, or what was raised.
    values : dict of str to float
        The measured deviations by name, units in the name; infinite and NaN ones left out.
    seconds : float
    """

    check: str
    status: Status
    observed: str = ""
    expected: str = ""
    cause: str = ""
    cause_code: str = ""
    effect: str = ""
    reason: str = ""
    values: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True)
class Portrait:
    """Curves that are drawn of an implementation.

    Attributes
    ----------
    current : tuple of float, dimensionless
    rate_hz, exact_rate_hz, floor_rate_hz : tuple of float, Hz
        Measured, of the closed form, and of a perfect neuron on the same time grid.
    t_ms : tuple of float, ms
    membrane, exact_membrane : tuple of float, dimensionless
        Of a neuron that shall fire at the target rate; `membrane` is empty if there is none, and
        has None where it is not finite.
    spikes_ms, exact_spikes_ms : tuple of float, ms
    """

    current: tuple[float, ...]
    rate_hz: tuple[float, ...]
    exact_rate_hz: tuple[float, ...]
    floor_rate_hz: tuple[float, ...]
    t_ms: tuple[float, ...]
    membrane: tuple[float | None, ...]
    exact_membrane: tuple[float, ...]
    spikes_ms: tuple[float, ...]
    exact_spikes_ms: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """Results of all checks of one implementation.

    Attributes
    ----------
    name : str
    summary : str
    versions : dict of str
        Packages that did the work.
    capabilities : Capabilities
    cannot : tuple of str
    remarks : tuple of str
        Wrong use of the layer that was found and worked around, in sentences.
    params : LIFParameters or those of another family
        Neuron that was checked; its t_ref_ms is 0 if none is declared.
    dt_ms : float, ms
    dtype : str
    behaves_like : str
        The simplest neuron on a grid that gives the same spikes, in words; empty if none does.
    results : tuple of CheckResult
    portrait : Portrait or None
    target_rate_hz : float, Hz
        150 Hz, or 0.7/t_ref if that is less.
    rate_at_150_hz : float or None, Hz
        Rate of this implementation under the current that makes an exact neuron, with its
        refractory period, fire at the target rate; None if it cannot be run.
    error : str
        Why it could not be run at all.
    seconds : float
    identity : Identity or None
        The identified neuron, if none is declared, or if the failures have no known cause.
    """

    name: str
    summary: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    capabilities: Capabilities = field(default_factory=Capabilities)
    cannot: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    params: NeuronParameters = TABLE_1
    dt_ms: float = 0.1
    dtype: str = "float64"
    behaves_like: str = ""
    results: tuple[CheckResult, ...] = ()
    portrait: Portrait | None = None
    target_rate_hz: float = 150.0
    rate_at_150_hz: float | None = None
    error: str = ""
    seconds: float = 0.0
    identity: Identity | None = None

    def __str__(self) -> str:
        """The first screen: what it is, the verdict, and the worst findings."""
        from bio_scnn.crossval.report.screen import screen

        return screen(self)

    @property
    def ok(self) -> bool:
        """True if it ran, at least one check applied, and nothing unexpected failed."""
        ran = any(r.status != "skipped" for r in self.results)
        return not self.error and ran and not any(r.status in UNEXPECTED for r in self.results)

    @property
    def nothing(self) -> str:
        """Reason why no check could be run; empty if one was."""
        if self.error or any(r.status != "skipped" for r in self.results):
            return ""
        first = self.results[0].reason if self.results else "there are no results"
        return f"nothing could be checked: {first}"

    @property
    def verdict(self) -> str:
        """Likely cause behind the unexpected failures as a whole; empty if none is known.

        If a layer is not deterministic, or couples its neurons, this is the verdict, because other
        checks fail for the same reason. A cause that explains all spikes comes before the cause
        that a single check found.
        """
        return self._main_cause[0]

    @property
    def verdict_code(self) -> str:
        """Likely cause behind the unexpected failures as a whole, as a code."""
        return self._main_cause[1]

    @property
    def _main_cause(self) -> tuple[str, str]:
        causes = {
            r.check: (r.cause, r.cause_code)
            for r in self.results
            if r.status == "failed" and r.cause
        }
        if self.identity is not None and self.identity.cause[1] == _AT_RANDOM:
            return self.identity.cause
        for check in CONDUCT:
            if check in causes:
                return causes[check]
        failed = any(r.status == "failed" for r in self.results)
        if failed and self.identity is not None and self.identity.cause[1]:
            return self.identity.cause
        for check in _ROOTS:
            if check in causes:
                return causes[check]
        found = list(causes.values())
        return max(found, key=found.count, default=("", ""))

    def identified(self, identity: Identity | None) -> Report:
        """The same report with the neuron that was identified after the checks.

        If this neuron reproduces the spikes, its cause takes the place of the causes that single
        checks inferred; what a check measures directly stays. A wrong constant is a cause only if
        a neuron with this constant reproduces the spikes. If the layer works in an unknown way,
        all causes that would need such a proof are dropped.
        """
        if identity is None:
            return self
        words, code = identity.cause

        def unproven(found: str) -> bool:
            if not identity.sure and not identity.unexplained:
                return found.startswith("constant.")
            seen = () if code == _AT_RANDOM else _SEEN
            return bool(found) and not found.startswith(seen)

        results = tuple(
            dataclasses.replace(r, cause=words, cause_code=code) if unproven(r.cause_code) else r
            for r in self.results
        )
        return dataclasses.replace(self, identity=identity, results=results)

    def count(self, status: Status) -> int:
        """Number of checks with a status."""
        return sum(result.status == status for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """Report as plain tables that `json` can write."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> Report:
        """Report from the tables of `to_json`."""
        return from_table(cls, table, "report")


def failure(name: str, results: Sequence[CheckResult]) -> str:
    """Failures of an implementation: a line for each, and one for what they do to a rate."""
    effects = dict.fromkeys(result.effect for result in results if result.effect)
    lines = [f"{name} fails:", *map(_sentence, results), *(f"  effect: {e}" for e in effects)]
    return "\n".join(lines)


def _sentence(result: CheckResult) -> str:
    if result.status == "error":
        return f"  {result.check}: {result.reason}"
    parts = [f"observed {result.observed}", f"expected {result.expected}"]
    if result.cause:
        parts.append(f"likely cause: {result.cause}")
    return f"  {result.check}: {'; '.join(parts)}"
