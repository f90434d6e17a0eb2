"""Failures of checks that follow from a declared difference from eq. 1 or eq. 2."""

from __future__ import annotations

from dataclasses import dataclass

from bio_scnn.crossval.protocol import Adapter, Capabilities

# Checks that compare V or spikes under currents that change, or in several settings.
_CHANGING = (
    "spiking_membrane",
    "reset_value",
    "step_currents",
    "frozen_noise",
    "coloured_noise",
    "convergence",
    "other_time_step",
    "other_neuron",
    "single_precision",
)
# Checks in which the surplus that a subtraction leaves may show.
_SURPLUS = (
    *_CHANGING,
    "fi_curve",
    "spike_intervals",
    "refractory_period",
    "reset_delay",
)
_QUANTITATIVE = (*_SURPLUS, "first_spike", "reset_overshoot")
_RANDOM = ("determinism", "state_reset", "batch_invariance", "permutation", "causality")
_OF_A_WORD = ("subthreshold_membrane", "threshold_equality", "silence", "own_noise")
_MEMBRANE = ("subthreshold_membrane",)


@dataclass(frozen=True)
class Expectation:
    """A failure that was announced.

    Attributes
    ----------
    reason : str
    certain : bool
        Whether the check must fail; if it need not, passing it is no surprise.
    """

    reason: str
    certain: bool


@dataclass(frozen=True)
class Difference:
    """A declared difference from eq. 1 or eq. 2.

    Attributes
    ----------
    reason : str
        It in words.
    may, must : tuple of str
        Checks that it may, and must, fail.
    """

    reason: str
    may: tuple[str, ...]
    must: tuple[str, ...] = ()


def declared_differences(claims: Capabilities, *, plain: bool = True) -> list[Difference]:
    """Differences from eq. 1 and eq. 2 that are declared, in words and by the checks they fail.

    Neurons that are not `Subject.plain` are held to what they declare in the first place.
    """
    found = []
    if plain:
        found += _from_eq_1(claims)
    if claims.fixed_point is not None:
        reason = f"declared: fixed point, {claims.fixed_point}"
        found.append(Difference(reason, (*_QUANTITATIVE, *_OF_A_WORD)))
    if claims.drive == "events":
        reason = "declared: driven by one event per step, not by a current"
        also = ("subthreshold_membrane", "silence", "threshold_equality")
        found.append(Difference(reason, (*_QUANTITATIVE, *also)))
    if not claims.deterministic:
        reason = "declared: not deterministic"
        found.append(Difference(reason, (*_QUANTITATIVE, *_RANDOM[1:]), _RANDOM[:1]))
    return found


def _from_eq_1(claims: Capabilities) -> list[Difference]:
    found = []
    if claims.integrator == "adaptive":
        reason = "declared: integrated with an adaptive step, to a tolerance"
        found.append(Difference(reason, _QUANTITATIVE, _MEMBRANE))
    elif claims.integrator != "exact":
        reason = f"declared: {claims.integrator} instead of the exact exp(-dt/tau)"
        # All else is held to the declared integrator's own steps.
        found.append(Difference(reason, ("convergence",), _MEMBRANE))
    if claims.reset == "subtract":
        reason = "declared: V_th - V_reset is subtracted instead of a reset"
        found.append(Difference(reason, _SURPLUS, ("reset_overshoot",)))
    if not claims.fires_at_threshold:
        reason = "declared: fires above the threshold only"
        found.append(Difference(reason, (), ("threshold_equality",)))
    return found


def expectations(adapter: Adapter, *, plain: bool = True) -> dict[str, Expectation]:
    """Announced failures by check: what follows from what is declared, and the adapter's own."""
    found: dict[str, Expectation] = {}
    for difference in declared_differences(adapter.capabilities, plain=plain):
        for check in difference.may:
            found.setdefault(check, Expectation(difference.reason, False))
        for check in difference.must:
            found[check] = Expectation(difference.reason, True)
    for check, reason in adapter.expected_failures.items():
        found[check] = Expectation(reason, True)
    return found
