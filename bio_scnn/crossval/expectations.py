"""Which checks a declared difference from eq. 1 or eq. 2 fails, and why."""

from __future__ import annotations

from dataclasses import dataclass

from bio_scnn.crossval.protocol import Adapter, Capabilities

# Checks in which another update of V may show. In the others crossings are kept away from the
# grid, by more than the methods' errors add up to.
_UPDATE = (
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
    *_UPDATE,
    "fi_curve",
    "spike_intervals",
    "refractory_period",
    "reset_delay",
)
_QUANTITATIVE = (*_SURPLUS, "first_spike", "reset_overshoot")
_RANDOM = ("determinism", "state_reset", "batch_invariance", "permutation", "causality")


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


def expectations(adapter: Adapter) -> dict[str, Expectation]:
    """Announced failures by check: what follows from what is declared, and the adapter's own."""
    found: dict[str, Expectation] = {}

    def announce(reason: str, may: tuple[str, ...], must: tuple[str, ...] = ()) -> None:
        for check in may:
            found.setdefault(check, Expectation(reason, False))
        for check in must:
            found[check] = Expectation(reason, True)

    claims: Capabilities = adapter.capabilities
    membrane = ("subthreshold_membrane",)
    if claims.integrator not in ("exact", "adaptive"):
        reason = f"declared: {claims.integrator} instead of the exact exp(-dt/tau)"
        announce(reason, _UPDATE, membrane)
    if claims.integrator == "adaptive":
        reason = "declared: integrated with an adaptive step, to a tolerance"
        announce(reason, _QUANTITATIVE, membrane)
    if claims.reset == "subtract":
        reason = "declared: V_th - V_reset is subtracted instead of a reset"
        announce(reason, _SURPLUS, ("reset_overshoot",))
    if not claims.fires_at_threshold:
        announce("declared: fires above the threshold only", (), ("threshold_equality",))
    if claims.drive == "events":
        announce("declared: driven by one event per step, not by a current", (
            *_QUANTITATIVE, "subthreshold_membrane", "silence", "threshold_equality",
        ))  # fmt: skip
    if not claims.deterministic:
        announce("declared: not deterministic", (*_QUANTITATIVE, *_RANDOM[1:]), _RANDOM[:1])
    for check, reason in adapter.expected_failures.items():
        found[check] = Expectation(reason, True)
    return found
