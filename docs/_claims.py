"""The paper's claims, and the rules by which measured numbers decide them.

Each function takes all numbers, the JSON that the scripts of ``figures`` left behind, by script,
and returns the claims of one subject; a page never says more than its numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bio_scnn.data.masks import MASK_KINDS as KINDS

HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
NOTICEABLE_DB = 0.1
SPARSE = 0.5  # fraction of silent neurons
RULES = f"""\
- A *gain* holds if its interval lies above zero, and does not if it lies below.
- An *effect* holds if it is of {NOTICEABLE_DB:g} dB or more and its interval leaves out zero; it
  does not if the whole interval lies within {NOTICEABLE_DB:g} dB of zero.
- A *published number* holds if it is reached. Where it is not, nothing follows: what was rebuilt
  here may differ in what the paper does not print.
- Where there is a rule of another kind, the text states it. All else *cannot be told*."""

Numbers = dict[str, Any]  # the JSON of every script, by its name
Interval = Sequence[float]  # mean, and the ends of its 95 % interval


@dataclass(frozen=True)
class Claim:
    """What is claimed, what was found, and what follows."""

    title: str
    says: str
    measured: str
    verdict: str
    script: str
    picture: bool = True


def gain(found: Interval) -> str:
    """The verdict on a gain."""
    _, low, high = found
    return HOLDS if low > 0 else FAILS if high < 0 else OPEN


def effect(found: Interval) -> str:
    """The verdict on an effect of either sign."""
    mean, low, high = found
    if abs(mean) >= NOTICEABLE_DB and (low > 0 or high < 0):
        return HOLDS
    return FAILS if max(abs(low), abs(high)) < NOTICEABLE_DB else OPEN


def all_of(verdicts: Sequence[str]) -> str:
    """A verdict that several agree on."""
    return verdicts[0] if len(set(verdicts)) == 1 else OPEN


def any_of(verdicts: Sequence[str]) -> str:
    """The verdict on whether at least one effect is there."""
    return HOLDS if HOLDS in verdicts else all_of(verdicts)


def db(found: Interval) -> str:
    """A difference with its interval; never -0.00."""
    return "{:+.2f} dB ({:+.2f} to {:+.2f})".format(*(round(value, 2) + 0.0 for value in found))


def at(rows: Sequence[Numbers], ms: float) -> Numbers:
    """The row of a duration or time constant."""
    (row,) = (row for row in rows if row["ms"] == ms)
    return row


def losses(n: Numbers) -> list[Claim]:
    """The two mean squared errors of the abstract."""
    found = n["claim_losses"]
    published, first, final, fills = (found[k] for k in ("published", "first", "final", "fills"))
    rows = n["table2"]["measured"]
    ours, rebuilt = (rows[name]["mse"][0] for name in ("bio_scnn", "paper's setting, rebuilt"))
    falls = all(final[side] < first[side] for side in final)
    return [
        Claim(
            f"A training loss (MSE) of {published['training']:g}",
            f"training ends at a mean squared error of {published['training']:g}.",
            f"The paper's setting, rebuilt as far as it is printed (`models/paper.md`; kernels, "
            f"channels and the number of steps are not), ends at {final['training']:.4f}.",
            HOLDS if final["training"] <= published["training"] else OPEN,
            "claim_losses",
        ),
        Claim(
            f"A validation loss (MSE) of {published['validation']:g}",
            f"validation ends at a mean squared error of {published['validation']:g}.",
            f"Rebuilt, the network's own output ends at {final['validation']:.4f} on photographs "
            f"held out of training; with known pixels kept it comes to {rebuilt:.5f} on Table 2's "
            f"crops. There bio_scnn reaches {ours:.5f}, but so does a harmonic fill, which learns "
            f"nothing ({fills['harmonic']:.5f}), and the mean colour of the known pixels comes to "
            f"{fills['mean of known pixels']:.4f}. A mean squared error of the whole image mostly "
            "tells how small the holes are, and the paper does not describe its holes.",
            HOLDS if final["validation"] <= published["validation"] else OPEN,
            "claim_losses",
        ),
        Claim(
            "Losses fall over training, and the network generalises",
            "training and validation loss fall over the epochs; generalisation is exceptional.",
            f"Rebuilt, the training loss falls from {first['training']:.4f} to "
            f"{final['training']:.4f} and the validation loss from {first['validation']:.4f} to "
            f"{final['validation']:.4f}, {final['validation'] / final['training']:.2f} of the "
            "former (noise and augmentation are in training only). Holds if both fall and "
            "validation ends at no more than one and a half times training.",
            HOLDS if falls and final["validation"] <= 1.5 * final["training"] else FAILS,
            "claim_losses",
        ),
    ]


def accuracy(n: Numbers) -> list[Claim]:
    """The comparison of Table 2."""
    rows, published = n["table2"]["measured"], n["table2"]["published"]
    impossible = [name for name, mse in published.items() if mse > 1]
    fill_name = "biharmonic (scikit-image)"
    theirs = rows["paper's setting, rebuilt"]["over"][fill_name]
    ours = rows["bio_scnn"]["over"][fill_name]
    return [
        Claim(
            "A lower error than five published methods",
            "its mean squared error of 0.015 is below those of five published networks.",
            "The five errors are not said to be of the same images, holes or intensities, and "
            f"{len(impossible)} of them ({', '.join(impossible)}) exceed 1, which intensities in "
            "[0, 1] cannot give. 0.015 is the paper's loss in training.",
            OPEN,
            "table2",
        ),
        Claim(
            "More accurate than existing methods: the paper's setting, rebuilt",
            "the network surpasses existing methods in accuracy and looks.",
            f"Against scikit-image's biharmonic fill on the same holes: {db(theirs)} of hole "
            "PSNR. The six 3 x 3 convolutions chosen here do not reach across a hole; the paper "
            "does not print its own.",
            gain(theirs),
            "table2",
        ),
        Claim(
            "More accurate than classical fills: this project's network",
            "the network surpasses existing methods; here asked of bio_scnn, which repairs two "
            "classical fills.",
            f"Against the biharmonic fill: {db(ours)}. Networks trained on millions of images "
            "were not measured; this says nothing about the state of the art.",
            gain(ours),
            "table2",
        ),
    ]


def hybrid(n: Numbers) -> list[Claim]:
    """Spikes against none."""
    over = n["table2"]["measured"]["bio_scnn"]["over"]
    twin, one_step = over["CNN-only twin"], over["paper's one-step layer"]
    noise = n["claim_robustness"]
    small = noise["picture"]["over_twin"][0]
    seeds = n["ablation"].get("another seed")
    chance = ""
    if seeds:
        base = n["ablation"]["as configured"]
        moved = max(abs(seeds[kind] - base[kind]) for kind in KINDS)
        chance = f"; in short trainings another seed moved hole PSNR by up to {moved:.2f} dB"
    return [
        Claim(
            "The hybrid restores better than a CNN alone",
            "spiking and convolutional layers together may perform better than convolutions.",
            "The same network with rectifiers in place of the neurons, of as many weights and "
            f"trained alike (`models/cnn_twin.md`): the hybrid is {db(twin)} above it on Table "
            f"2's crops, {db(small)} on the {noise['cases']} crops of {noise['size']} pixels of "
            f"the measurements of noise. Each was trained once{chance}. Holds if both agree.",
            all_of([gain(twin), gain(small)]),
            "table2",
        ),
        Claim(
            "Neurons that integrate do better than the paper's one-step layer",
            "(Not claimed.) The paper's forward method adds noise and compares once with a "
            "threshold; here eq. 1 is solved over time.",
            f"Firing rates of eq. 1 are {db(one_step)} above one binary spike for each feature "
            "(`models/one_step.md`). But the two trainings are not equal: with binary spikes half "
            "the learning rate and fewer steps were needed, and each was trained once.",
            OPEN,
            "table2",
        ),
    ]


def robustness(n: Numbers) -> list[Claim]:
    """Noise on pictures, features and currents."""
    found = n["claim_robustness"]
    claims = []
    for kind, what in (("picture", "known pixels"), ("features", "the features")):
        of = found[kind]
        rows = list(zip(found["levels"][kind], of["lost"], of["over_twin"], strict=True))[1:]
        listed = "; ".join(
            f"σ = {std:g}: loses {lost[0]:.2f} dB, {db(over)} above its twin"
            for std, lost, over in rows
        )
        claims.append(
            Claim(
                f"More robust than a CNN to noise on {what}",
                "neurons process information effectively even in the presence of noise.",
                f"The hybrid at {listed}. Holds if it is above its twin at every level.",
                all_of([gain(over) for _, _, over in rows]),
                "claim_robustness",
            )
        )
    lost = dict(zip(found["levels"]["currents"], found["currents"]["lost"], strict=True))
    worst = max(lost)
    claims.append(
        Claim(
            "Robust to noise on the neurons' currents",
            "(Not claimed in this form.) Table 1 gives noise 10 ms, the text a deviation of 0.1.",
            f"Coloured noise of 0.1 costs {db(lost[0.1])} of hole PSNR, of {worst:g}, a tenth of "
            f"the weakest current, {db(lost[worst])}. Holds if noise of 0.1 has no effect. A "
            "rectifier has no such noise, so this is no advantage over one.",
            {HOLDS: FAILS, FAILS: HOLDS}.get(effect(lost[0.1]), OPEN),
            "claim_robustness",
        )
    )
    return [*claims, training_noise(n["ablation"])]


def training_noise(rows: Numbers) -> Claim:
    """From the ablation, where there is one."""
    title = "Noise in training makes the network more robust"
    says = "controlled noise, added to the convolution's output, makes it robust and adaptive."
    script = "docs/make_ablation.py"
    with_noise, without = rows.get("as configured"), rows.get("no noise in training")
    if not with_noise or not without:
        return Claim(title, says, "Not measured.", OPEN, script, picture=False)
    lost = [
        sum(row[kind] - row[f"{kind} noise"] for kind in KINDS) / len(KINDS)
        for row in (with_noise, without)
    ]
    clean = sum(with_noise[kind] - without[kind] for kind in KINDS) / len(KINDS)
    return Claim(
        title,
        says,
        f"Feature noise of 0.1 costs a network trained with noise {lost[0]:.2f} dB, one trained "
        f"without {lost[1]:.2f} dB; on clean features the former is {clean:+.2f} dB above the "
        "latter (short trainings, one of each, `ablation.md`). Holds if the difference is "
        f"{NOTICEABLE_DB:g} dB or more.",
        HOLDS if lost[1] - lost[0] >= NOTICEABLE_DB else FAILS,
        script,
        picture=False,
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
            "Event-driven: spikes answer to significant changes of the input only",
            "neurons fire only in response to significant changes of their input.",
            "With Table 1's band of 100 to 200 Hz every neuron fires all the time at constant "
            f"input: {timed['spikes']:.1f} spikes in 25 ms on average, at least "
            f"{timed['fewest']}; {timed['silent']:.0%} of {found['simulated']} x "
            f"{found['neurons']:,} neurons were silent, of the paper's one-step layer, trained "
            f"here, {one_step['silent']:.0%}. Holds if {SPARSE:.0%} or more are silent.",
            HOLDS if timed["silent"] >= SPARSE else FAILS,
            "claim_energy",
        ),
        Claim(
            "Low energy: LIF neurons of eq. 1",
            "neurons use power only when they spike, so that little energy is needed.",
            "Energy of neurons and synapses relative to rectifiers in their place, whose "
            f"{found['macs'] / 1e6:,.0f} million multiply-accumulates are {share:.0%} of the "
            "network's, and hole PSNR against exact rates: "
            + "; ".join(map(listed, ways))
            + ". Where intervals are read, rates are real numbers and save no multiplication. "
            f"Holds if one of these needs less in either format and loses below {NOTICEABLE_DB:g} "
            "dB. Energies of an operation: Horowitz, ISSCC 2014, 45 nm; memory is left out.",
            HOLDS if any(map(saves, ways)) else FAILS,
            "claim_energy",
        ),
        Claim(
            "Low energy: the paper's one-step layer",
            "neurons use power only when they spike, so that little energy is needed.",
            f"As above, {listed(one_step)}. One binary spike is one addition at most.",
            HOLDS if saves(one_step) else FAILS,
            "claim_energy",
        ),
    ]


def integration(n: Numbers) -> list[Claim]:
    """What time gives."""
    found = n["claim_integration"]
    counts, timed = found["count"], found["isi"]
    shortest, first = counts[0], timed[0]
    quick = at(counts, 25.0)
    dip, before = at(counts, 20.0), at(counts, 15.0)
    return [
        Claim(
            "Integration over time: a longer count restores better",
            "neurons integrate their input over time.",
            f"Rates read from the number of spikes in {shortest['ms']:g} ms lose "
            f"{db(shortest['over_exact'])} against exact ones, in 100 ms "
            f"{db(at(counts, 100.0)['over_exact'])} ({shortest['cases']} crops). The way is not "
            f"steady: {before['over_exact'][0]:+.2f} dB at 15 ms, {dip['over_exact'][0]:+.2f} at "
            "20 ms, since counts of neurons that started together are rounded together.",
            effect(shortest["over_exact"]),
            "claim_integration",
        ),
        Claim(
            "Integration over time: information that convolutions miss",
            "the spiking layer captures temporal features that convolutions miss.",
            "The currents of a still picture are constant, and a neuron's first two spikes tell "
            f"its rate exactly: read from intervals in {first['ms']:g} ms, hole PSNR is "
            f"{db(first['over_exact'])} above that of exact rates, which time cannot improve.",
            effect(first["over_exact"]),
            "claim_integration",
        ),
        Claim(
            "Timing of spikes carries information that their number does not",
            "timing and rate of spikes represent data, which suits tasks of precise timing.",
            f"In 25 ms the intervals give exact rates ({db(at(timed, 25.0)['over_exact'])}), the "
            f"number of spikes loses: {db(quick['over_exact'])}.",
            effect(quick["over_exact"]),
            "claim_integration",
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
            "The encoder sets currents so that rates stay between 100 and 200 Hz, where the curve "
            "of rate against current is nearly straight whatever the leak; a still picture does "
            "not ask how long anything is kept.",
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
            f"Noise here has a deviation of {found['noise']:g}, ten times the paper's, whose "
            "noise has no effect at all (above).",
        ),
    ):
        near = [row for row in found[name] if table_1 / 4 <= row["ms"] <= 4 * table_1]
        ends = "; ".join(f"{row['ms']:g} ms: {db(row['over_table_1'])}" for row in near)
        claims.append(
            Claim(
                what,
                says,
                f"From a quarter of Table 1's value to four times it, in the trained network, on "
                f"{near[0]['cases']} crops, hole PSNR against Table 1's: {ends}. {more} Holds if "
                "one of these is an effect.",
                any_of([effect(row["over_table_1"]) for row in near]),
                "claim_constants",
            )
        )
    return claims


PARTS: tuple[Callable[[Numbers], list[Claim]], ...] = (
    losses,
    accuracy,
    hybrid,
    robustness,
    events,
    integration,
    constants,
)
