"""Each neuron against its solution at 50 digits, over the whole range of its parameters."""

import fifty_digits
import numpy as np
import pytest
from neuron_cases import KINDS, Case, random_case

from bio_scnn.neuron.events import solve


def agreement(case: Case) -> fifty_digits.Agreement:
    trace = solve(
        case.params, case.current, dt_ms=case.dt_ms, impulses=case.impulses, events=case.events
    )
    return fifty_digits.agree(
        trace.spike_times_ms[0],
        trace.membrane[:, 0],
        case.params,
        case.current[:, 0],
        case.dt_ms,
        case.impulses[:, [0, 2]],
        case.events[:, [0, 2]],
    )


def check(kind: type, cases: int, steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = [agreement(random_case(rng, kind, steps)) for _ in range(cases)]
    spikes, ties = sum(x.spikes for x in found), sum(x.tie for x in found)
    plain = [x for x in found if not x.grazes]
    print(
        f"\n{kind.__name__}: {cases} neurons, {spikes} spikes, {ties} ties; {len(plain)} neurons "
        f"with spike times off by up to {max(x.time_error_ms for x in plain):.2g} ms and V by "
        f"{max(x.V_error for x in plain):.2g}; {cases - len(plain) - ties} that graze V_th, off "
        f"by up to {max(x.time_error_ms for x in found):.2g} ms, "
        f"{max(x.strain for x in found):.2g} of what is allowed"
    )
    assert len(plain) >= 0.8 * cases
    assert ties <= 0.02 * cases
    if kind.__name__ != "LIParameters":
        assert spikes > 5 * cases
        assert sum(x.spikes > 0 for x in found) > 0.5 * cases


@pytest.mark.sweep(2)
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_fifty_digits(kind, every_case):
    check(kind, 100 if every_case else 30, 40, seed=1)


@pytest.mark.parametrize("kind", KINDS)
def test_fifty_digits_in_short(kind):
    rng = np.random.default_rng(2)
    found = [agreement(random_case(rng, kind, 12)) for _ in range(5)]
    assert sum(x.spikes for x in found) > 5 or kind.__name__ == "LIParameters"
    assert not any(x.tie for x in found)
