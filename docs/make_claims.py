"""Write docs/claims.md: what the paper claims, and what was measured of it.

``python figures`` measures and draws; this script reads the numbers it left (JSON beside the
pictures) and decides by rules that stand here, so that a page never says more than its numbers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

from bio_scnn.cli import run
from bio_scnn.errors import InputError
from bio_scnn.files import write_whole

DOCS = Path(__file__).resolve().parent
FIGURES = DOCS.parent / "figures"
HOLDS, FAILS, OPEN = "holds", "does not hold", "cannot be told"
NOTICEABLE_DB = 0.1

Numbers = dict[str, Any]  # the JSON of every script, by its name


@dataclass(frozen=True)
class Claim:
    """What is claimed, what was found, and what follows."""

    title: str
    says: str
    measured: str
    verdict: str
    script: str
    picture: bool = True


def by_interval(low: float, high: float) -> str:
    """What a 95 % interval of a gain says of the claim that there is one."""
    return HOLDS if low > 0 else FAILS if high < 0 else OPEN


def less(change_db: float) -> str:
    """A loss, never as -0.00."""
    return f"{round(change_db, 2) + 0.0:.2f} dB"


def db(found: Sequence[float]) -> str:
    """A difference with its interval."""
    return "{:+.2f} dB ({:+.2f} to {:+.2f})".format(*found)


def losses(n: Numbers) -> list[Claim]:
    """The two mean squared errors of the abstract."""
    found = n["claim_losses"]
    published, final, fills = found["published"], found["final"], found["fills"]
    ours = n["table2"]["measured"]["bio_scnn"]["mse"][0]
    claims = []
    for side in ("training", "validation"):
        measured = (
            f"The paper's own setting, as far as it is printed (`models/paper.md`), ends at "
            f"{final[side]:.4f}."
        )
        if side == "validation":
            measured += (
                f" bio_scnn reaches {ours:.5f} on validation photographs under the three kinds "
                f"of holes, but so does a harmonic fill, which learns nothing, "
                f"({fills['harmonic']:.5f}); the mean colour of the known pixels comes to "
                f"{fills['mean of known pixels']:.4f}. A mean squared error of the whole image "
                "says little: it mostly tells how small the holes are. The paper gives neither "
                "its holes nor how its images were made smaller."
            )
        else:
            measured += " That a loss in training is nine times the loss in validation is unusual."
        claims.append(
            Claim(
                f"A {side} loss (MSE) of {published[side]:g}",
                f"{side} ends at a mean squared error of {published[side]:g}.",
                measured,
                HOLDS if final[side] <= published[side] else OPEN,
                "claim_losses",
            )
        )
    return claims


def state_of_the_art(n: Numbers) -> list[Claim]:
    """The comparison of Table 2."""
    rows, published = n["table2"]["measured"], n["table2"]["published"]
    impossible = [name for name, mse in published.items() if mse > 1]
    reference = "biharmonic (scikit-image)"
    theirs = rows["paper's whole setting"]["over"][reference]["all"]
    ours = rows["bio_scnn"]["over"][reference]["all"]
    return [
        Claim(
            "A lower error than published methods",
            "its mean squared error of 0.015 is below those of five published networks.",
            "The five errors are not said to be of the same images, holes or intensities, and "
            f"{len(impossible)} of them ({', '.join(impossible)}) exceed 1, which intensities in "
            "[0, 1] cannot give. 0.015 is the paper's loss in training.",
            OPEN,
            "table2",
        ),
        Claim(
            "State-of-the-art restorations: the paper's own setting",
            "the network surpasses existing methods in accuracy and looks.",
            "The paper's own setting, trained here, against scikit-image's biharmonic fill on the "
            f"same holes: {db(theirs)} of hole PSNR. Its six 3 x 3 convolutions do not reach "
            "across a hole.",
            by_interval(*theirs[1:]),
            "table2",
        ),
        Claim(
            "State-of-the-art restorations: this project's network",
            "the same, asked of bio_scnn, which repairs two classical fills.",
            f"Against the biharmonic fill {db(ours)}. Networks trained on millions of images were "
            "not measured: this is a comparison with what needs no training.",
            by_interval(*ours[1:]),
            "table2",
        ),
    ]


def hybrid(n: Numbers) -> list[Claim]:
    """Spikes against none."""
    rows = n["table2"]["measured"]
    twin = [-value for value in rows["CNN-only twin"]["over"]["bio_scnn"]["all"]]
    twin = [twin[0], twin[2], twin[1]]
    one_step = [-value for value in rows["paper's one-step layer"]["over"]["bio_scnn"]["all"]]
    one_step = [one_step[0], one_step[2], one_step[1]]
    return [
        Claim(
            "The hybrid restores better than a CNN alone",
            "spiking and convolutional layers together may perform better than convolutions.",
            "The same network with rectifiers in place of the neurons, of as many weights and "
            f"trained alike (`models/cnn_twin.md`): the hybrid is {db(twin)} above it. Both were "
            "trained once; another seed moves a network by as much (`ablation.md`).",
            by_interval(*twin[1:]),
            "table2",
        ),
        Claim(
            "Neurons with a membrane do better than the paper's one-step layer",
            "(not claimed) the paper's forward method adds noise and compares once with a "
            "threshold, where eq. 1 is solved here.",
            f"Firing rates of eq. 1 are {db(one_step)} above one binary spike for each feature "
            "(`models/one_step.md`, which needed half the learning rate to train).",
            by_interval(*one_step[1:]),
            "table2",
        ),
    ]


def robustness(n: Numbers) -> list[Claim]:
    """Noise on pictures, features and currents."""
    found = n["claim_robustness"]
    claims = []
    for kind, what in (("picture", "known pixels"), ("features", "the features")):
        hybrid = found[kind]["hybrid"]
        rows = list(zip(found["levels"][kind], hybrid, found[kind]["kept"], strict=True))[1:]
        average = found[kind]["kept_on_average"]
        listed = "; ".join(
            f"{less(hybrid[0] - psnr)} at σ = {std:g} ({db(kept)})" for std, psnr, kept in rows
        )
        claims.append(
            Claim(
                f"Robust to noise on {what}",
                "neurons integrate over noise, so that the network withstands noisy input.",
                f"The hybrid loses {listed}. In brackets: how much less that is than its twin "
                f"without spikes loses; on average over these levels {db(average)}.",
                by_interval(*average[1:]),
                "claim_robustness",
            )
        )
    levels, hybrid = found["levels"]["currents"], found["currents"]["hybrid"]
    at_paper = hybrid[0] - hybrid[levels.index(0.1)]
    claims.append(
        Claim(
            "Robust to noise on the neurons' currents",
            "noise of standard deviation 0.1 makes the neurons adaptive and robust.",
            f"Coloured noise of 0.1 (10 ms) costs {less(at_paper)}, of 1, a tenth of the "
            f"weakest current, {less(hybrid[0] - hybrid[levels.index(1.0)])} at 50 ms. A "
            "rectifier has no such noise, so this is no advantage over it.",
            HOLDS if at_paper < NOTICEABLE_DB else FAILS,
            "claim_robustness",
        )
    )
    return claims


def training_noise(n: Numbers) -> list[Claim]:
    """From the ablation, where there is one."""
    rows = n.get("ablation", {}).get("scores", {})
    with_noise, without = rows.get("as configured"), rows.get("no noise in training")
    if not with_noise or not without:
        return []
    kinds = ("strokes", "boxes", "scratches")
    lost = [
        sum(row[kind] - row[f"{kind} noise"] for kind in kinds) / len(kinds)
        for row in (with_noise, without)
    ]
    clean = sum(with_noise[kind] - without[kind] for kind in kinds) / len(kinds)
    return [
        Claim(
            "Noise in training makes the network more robust",
            "controlled noise on the spiking layer's features improves robustness.",
            f"Feature noise of 0.1 costs a network trained with noise {lost[0]:.2f} dB, one "
            f"trained without {lost[1]:.2f} dB; on clean features the former is {clean:+.2f} dB "
            "above the latter (short trainings, `ablation.md`).",
            HOLDS if lost[1] - lost[0] > NOTICEABLE_DB else FAILS,
            "docs/make_ablation.py",
            picture=False,
        )
    ]


def events(n: Numbers) -> list[Claim]:
    """Sparsity and energy."""
    found = n["claim_energy"]
    ways = found["ways"]
    exact, counted = ways["spikes, 25 ms"], ways["spikes, 100 ms"]
    one_step = ways["paper's one-step spikes"]
    claims = [
        Claim(
            "Event-driven: spikes answer to changes of the input only",
            "neurons fire when their input changes significantly, and are silent otherwise.",
            "With Table 1's band of 100 to 200 Hz each neuron fires all the time at constant "
            f"input: {exact['spikes_per_neuron']:.1f} spikes in 25 ms on average, at least "
            f"{exact['least']}; {exact['silent_fraction']:.0%} of {found['neurons']:,} neurons "
            "are silent. In the paper's one-step layer, trained here, "
            f"{one_step['silent_fraction']:.0%} are.",
            FAILS if exact["least"] > 0 else HOLDS,
            "claim_energy",
        )
    ]
    for way, name in ((exact, "25 ms, exact intervals"), (counted, "100 ms, counted spikes")):
        ratios = {
            numbers: (way[f"synapses_uj_{numbers}"] + way[f"neurons_uj_{numbers}"]) / macs
            for numbers, macs in found["macs_uj"].items()
        }
        share = found["macs_in_their_place"] / found["macs_of_the_network"]
        claims.append(
            Claim(
                f"Low energy: {name}",
                "neurons cost energy only when they spike, so that little is needed.",
                f"{way['synaptic_operations'] / 1e6:,.0f} million additions at synapses stand "
                f"for {found['macs_in_their_place'] / 1e6:,.0f} million multiply-accumulates "
                f"({share:.0%} of the network's): "
                + " and ".join(f"{ratio:.2f} of the energy in {k}" for k, ratio in ratios.items())
                + ", updates of V included, memory left out. Spikes pay below "
                + " and ".join(
                    f"{v:.1f} a neuron in {k}" for k, v in found["break_even_spikes"].items()
                )
                + ". Energies of an operation: Horowitz, ISSCC 2014, 45 nm.",
                HOLDS if max(ratios.values()) < 1 else FAILS if min(ratios.values()) > 1 else OPEN,
                "claim_energy",
            )
        )
    return claims


def integration(n: Numbers) -> list[Claim]:
    """What time gives."""
    found = n["claim_integration"]
    counts = {float(ms): lost for ms, lost in found["count"].items()}
    timed = {float(ms): lost for ms, lost in found["isi"].items()}
    shortest, longest = min(counts), max(counts)
    gain = counts[longest] - counts[shortest]
    spread = max(timed.values()) - min(timed.values())
    timing = timed[25.0] - counts[30.0]
    return [
        Claim(
            "Integration over time: precision",
            "neurons integrate their input over time.",
            f"Reading rates from numbers of spikes, {longest:g} ms give {gain:.2f} dB more than "
            f"{shortest:g} ms; {-counts[100.0]:.2f} dB are missing at 100 ms.",
            HOLDS if gain > NOTICEABLE_DB else FAILS,
            "claim_integration",
        ),
        Claim(
            "Integration over time: information that a still picture's CNN lacks",
            "the spiking layer captures temporal features that convolutions miss.",
            "The currents of a still picture are constant, and a neuron's first two spikes tell "
            f"its rate exactly: from {min(timed):g} ms on nothing is gained (changes of at most "
            f"{spread:.3f} dB to {max(timed):g} ms).",
            FAILS if spread < 0.01 else HOLDS,
            "claim_integration",
        ),
        Claim(
            "Timing of spikes carries information",
            "the timing of spikes represents data, which suits tasks that need precise timing.",
            f"Intervals of spikes in 25 ms restore {timing:.2f} dB better than their number in "
            "30 ms.",
            HOLDS if timing > NOTICEABLE_DB else FAILS,
            "claim_integration",
        ),
    ]


def constants(n: Numbers) -> list[Claim]:
    """Time constant, refractory period, correlation of noise."""
    found = n["claim_constants"]
    values = found["values"]

    def spread(name: str, low: float, high: float) -> float:
        psnr = [
            p
            for value, p in zip(values[name], found[name]["hole_psnr"], strict=True)
            if low <= value <= high
        ]
        return max(psnr) - min(psnr)

    tau, t_ref = spread("tau_ms", 5, 160), spread("t_ref_ms", 0, 2)
    longest = found["t_ref_ms"]["hole_psnr"][values["t_ref_ms"].index(1.0)]
    longest -= found["t_ref_ms"]["hole_psnr"][-1]
    slowest = found["tau_noise_ms"]["hole_psnr"]
    return [
        Claim(
            "The leak decides what the network retains",
            "the leak factor controls how long information is kept.",
            f"A membrane time constant between 5 and 160 ms changes hole PSNR by {tau:.2f} dB: "
            "the encoder sets currents so that rates stay between 100 and 200 Hz, where the "
            "curve of rate against current is nearly straight whatever the leak.",
            FAILS if tau < NOTICEABLE_DB else HOLDS,
            "claim_constants",
        ),
        Claim(
            "The refractory period matters",
            "(not claimed; Table 1 sets 1 ms.)",
            f"Between 0 and 2 ms hole PSNR changes by {t_ref:.2f} dB; at 4 ms, close to the 5 ms "
            f"between spikes at 200 Hz, {longest:.2f} dB are lost: the curve bends.",
            HOLDS if longest > NOTICEABLE_DB else FAILS,
            "claim_constants",
        ),
        Claim(
            "The correlation time of the noise matters",
            "(not claimed; Table 1 sets 10 ms.)",
            f"Of noise of standard deviation {found['noise']:g}, the slower is the worse: from "
            f"{values['tau_noise_ms'][0]:g} to {values['tau_noise_ms'][-1]:g} ms "
            f"{slowest[0] - slowest[-1]:.2f} dB are lost, since a neuron averages what changes "
            "faster than it fires.",
            HOLDS if slowest[0] - slowest[-1] > NOTICEABLE_DB else FAILS,
            "claim_constants",
        ),
    ]


PARTS: tuple[Callable[[Numbers], list[Claim]], ...] = (
    losses,
    state_of_the_art,
    hybrid,
    robustness,
    training_noise,
    events,
    integration,
    constants,
)


def page(numbers: Numbers) -> str:
    """The page: a table of verdicts, then each claim."""
    claims = [claim for part in PARTS for claim in part(numbers)]
    size = numbers["table2"]
    paragraphs = [
        "# The paper's claims, measured",
        fill(
            "Sanaullah et al. (NLDL 2024) claim much of spiking layers in an inpainting network. "
            "Here each claim stands beside what this project measures of it, with the command. "
            f"Photographs: the {size['photographs']} of the validation side (`models/DATA.md`). "
            "Intervals are those of a bootstrap over photographs (95 %; of eight photographs they "
            "hold the true mean nine times in ten). A claim *holds* or *does not hold* by rules "
            "that stand in `docs/make_claims.py`: a gain whose interval is above or below zero, "
            f"a change of more or less than {NOTICEABLE_DB:g} dB. Otherwise it *cannot be told*. "
            "`make figures` measures all anew.",
            98,
        ),
        "\n".join(
            [
                "| claim | verdict |",
                "|---|---|",
                *(f"| {claim.title} | **{claim.verdict}** |" for claim in claims),
            ]
        ),
    ]
    shown = set()
    for claim in claims:
        command = claim.script if "/" in claim.script else f"figures/{claim.script}.py"
        says = claim.says[0].upper() + claim.says[1:]
        paragraphs += [
            f"## {claim.title}",
            fill(f"*The paper:* {says}", 98),
            fill(f"*Measured:* {claim.measured}", 98),
            f"**{claim.verdict[0].upper()}{claim.verdict[1:]}.** `python {command}`",
        ]
        if claim.picture and claim.script not in shown:
            shown.add(claim.script)
            paragraphs.append(f"![{claim.title}](../figures/{claim.script}.svg)")
    return "\n\n".join(paragraphs) + "\n"


def read(folder: Path, ablation: Path) -> Numbers:
    """The JSON that the scripts left in a folder, and that of the ablation if it is there."""
    names = ("table2", *(path.stem for path in sorted(FIGURES.glob("claim_*.py"))))
    numbers: Numbers = {}
    for name in names:
        path = folder / f"{name}.json"
        if not path.is_file():
            raise InputError(f"{path}: not there; run python figures/{name}.py first")
        numbers[name] = json.loads(path.read_text("utf-8"))
    if ablation.is_file():
        numbers["ablation"] = {"scores": json.loads(ablation.read_text("utf-8"))}
    return numbers


def main(argv: Sequence[str] | None = None) -> None:
    """Read the numbers, write the page."""
    p = argparse.ArgumentParser(description="Write docs/claims.md from what python figures left.")
    p.add_argument("--figures", type=Path, default=FIGURES, metavar="DIR", help="of the JSON")
    p.add_argument("-o", "--output", type=Path, default=DOCS / "claims.md", help="page to write")
    args = p.parse_args(argv)
    write_whole(args.output, page(read(args.figures, DOCS / "ablation" / "scores.json")).encode())
    print(args.output)


if __name__ == "__main__":
    run(main)
