"""Claims about spikes over time: events and energy, integration, the neuron's constants.

The functions are like those of `_claims_on_quality`.
"""

from __future__ import annotations

from tools.docs._verdicts import (
    FAILS,
    HOLDS,
    NOTICEABLE_DB,
    SPARSE,
    Claim,
    Numbers,
    any_of,
    at,
    beside,
    db,
    effect,
)


def events(n: Numbers) -> list[Claim]:
    """Sparsity and energy."""
    found = n["claim_energy"]
    *ways, one_step = found["ways"]
    timed = ways[-1]
    share = found["macs"] / found["macs_of_the_network"]

    def total(way: Numbers, numbers: str) -> float:
        return way["energy"][numbers]["synapses"] + way["energy"][numbers]["neurons"]

    def saves(way: Numbers) -> bool:
        less = all(total(way, numbers) < 1 for numbers in found["mac_pj"])
        return less and way["over_exact"][0] > -NOTICEABLE_DB

    def listed(way: Numbers) -> str:
        energies = " and ".join(f"{total(way, k):.2f} ({k})" for k in found["mac_pj"])
        return f"{way['name']}: {way['spikes']:.1f} spikes, {energies}, {db(way['over_exact'])}"

    return [
        Claim(
            "Event-driven: spikes occur only at significant changes of the input",
            "neurons fire only in response to significant changes of their input.",
            "With Table 1's band of 100 to 200 Hz every neuron fires all the time at constant "
            f"input: {timed['spikes']:.1f} spikes in 25 ms on average, at least "
            f"{timed['fewest']}. {timed['silent']:.0%} of {found['simulated']} x "
            f"{found['neurons']:,} neurons were silent. In the paper's one-step layer, trained "
            f"here, {one_step['silent']:.0%} were silent. Holds if {SPARSE:.0%} or more are "
            "silent.",
            HOLDS if timed["silent"] >= SPARSE else FAILS,
            "figures.claim_energy",
        ),
        Claim(
            "Low energy: LIF neurons of eq. 1",
            "neurons use power only when they spike, so that little energy is needed.",
            "Energy of neurons and synapses, relative to rectifiers in their place, and hole "
            "PSNR, relative to exact rates: "
            + "; ".join(map(listed, ways))
            + f". The rectifiers need {found['macs'] / 1e6:,.0f} million multiply-accumulates, "
            f"{share:.0%} of the network's. Rates read from intervals are real numbers and save "
            "no multiplication. Holds if one of these ways needs less energy in both formats and "
            f"loses less than {NOTICEABLE_DB:g} dB. Energies of an operation: Horowitz, ISSCC "
            "2014, 45 nm; memory is left out.",
            HOLDS if any(map(saves, ways)) else FAILS,
            "figures.claim_energy",
        ),
        Claim(
            "Low energy: the paper's one-step layer",
            "neurons use power only when they spike, so that little energy is needed.",
            f"As above, {listed(one_step)}. One binary spike is one addition at most.",
            HOLDS if saves(one_step) else FAILS,
            "figures.claim_energy",
        ),
    ]


def integration(n: Numbers) -> list[Claim]:
    """Integration over time."""
    found = n["claim_integration"]
    counts, timed = found["count"], found["isi"]
    shortest, first = counts[0], timed[0]
    quick = at(counts, 25.0)
    dip, before = at(counts, 20.0), at(counts, 15.0)
    return [
        Claim(
            "Integration over time: a longer count restores better",
            "neurons integrate their input over time.",
            "Rates read from the number of spikes change hole PSNR, relative to exact rates, by "
            f"{db(shortest['over_exact'])} in {shortest['ms']:g} ms, and by "
            f"{db(at(counts, 100.0)['over_exact'])} in 100 ms ({shortest['cases']} crops). The "
            f"gain with time is not steady: {before['over_exact'][0]:+.2f} dB at 15 ms and "
            f"{dip['over_exact'][0]:+.2f} dB at 20 ms. The neurons start together, so that their "
            "counts are rounded together.",
            effect(shortest["over_exact"]),
            "figures.claim_integration",
        ),
        Claim(
            "Integration over time: information that convolutions miss",
            "the spiking layer captures temporal features that convolutions miss.",
            "The currents of a still picture are constant, so that the first two spikes of a "
            f"neuron give its rate exactly. With intervals read in {first['ms']:g} ms, hole PSNR "
            f"is {beside(first['over_exact'], 'that of exact rates')}. More time cannot improve "
            "it.",
            effect(first["over_exact"]),
            "figures.claim_integration",
        ),
        Claim(
            "Timing of spikes carries information that their number does not",
            "timing and rate of spikes represent data, which suits tasks of precise timing.",
            f"In 25 ms the intervals give exact rates ({db(at(timed, 25.0)['over_exact'])}). The "
            f"number of spikes changes hole PSNR by {db(quick['over_exact'])}.",
            effect(quick["over_exact"]),
            "figures.claim_integration",
        ),
    ]


def constants(n: Numbers) -> list[Claim]:
    """Time constant, refractory period, correlation of noise."""
    found = n["claim_constants"]
    claims = []
    for name, what, table_1, says, more in (
        (
            "tau_ms",
            "The membrane time constant matters",
            40.0,
            "the leak factor, which plays a critical role, sets how long information is kept.",
            "The encoder keeps rates between 100 and 200 Hz. There the f-I curve is nearly "
            "straight for any leak. A still picture does not depend on how long information is "
            "kept.",
        ),
        (
            "t_ref_ms",
            "The refractory period matters",
            1.0,
            "(Not claimed; Table 1 sets 1 ms.)",
            "At 4 ms, close to the 5 ms between spikes at 200 Hz, the curve bends.",
        ),
        (
            "tau_noise_ms",
            "The correlation time of the noise matters",
            10.0,
            "(Not claimed; Table 1 sets 10 ms.)",
            f"The noise here has a deviation of {found['noise']:g}, ten times the paper's. The "
            "paper's noise has no effect at all (above).",
        ),
    ):
        near = [row for row in found[name] if table_1 / 4 <= row["ms"] <= 4 * table_1]
        ends = "; ".join(f"{row['ms']:g} ms: {db(row['over_table_1'])}" for row in near)
        claims.append(
            Claim(
                what,
                says,
                "The trained network was run with a quarter of Table 1's value to four times that "
                f"value, on {near[0]['cases']} crops. Hole PSNR relative to Table 1's value: "
                f"{ends}. {more} Holds if one of these differences is an effect.",
                any_of([effect(row["over_table_1"]) for row in near]),
                "figures.claim_constants",
            )
        )
    return claims
