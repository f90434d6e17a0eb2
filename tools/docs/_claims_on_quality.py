"""Claims about pictures: losses, other methods, a network without spikes, and noise.

Each function takes all numbers, the JSON that the scripts of ``figures`` left behind, by script,
and returns the claims of one subject; a page never says more than its numbers.
"""

from __future__ import annotations

from bio_scnn.data.masks import MASK_KINDS as KINDS
from tools.docs._verdicts import (
    FAILS,
    HOLDS,
    NOTICEABLE_DB,
    OPEN,
    Claim,
    Numbers,
    all_of,
    beside,
    db,
    effect,
    gain,
)


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
            "The paper's setting was rebuilt as far as it is printed; kernels, channels and the "
            "number of steps are not printed (`models/paper.md`). Its training ends at "
            f"{final['training']:.4f}.",
            HOLDS if final["training"] <= published["training"] else OPEN,
            "figures.claim_losses",
        ),
        Claim(
            f"A validation loss (MSE) of {published['validation']:g}",
            f"validation ends at a mean squared error of {published['validation']:g}.",
            f"The output of the rebuilt network ends at {final['validation']:.4f} on photographs "
            f"held out of training. With known pixels kept, its error is {rebuilt:.5f} on Table "
            f"2's crops. There bio_scnn reaches {ours:.5f}. A harmonic fill, which learns "
            f"nothing, reaches {fills['harmonic']:.5f}, and the mean colour of the known pixels "
            f"{fills['mean of known pixels']:.4f}. The mean squared error of a whole image mostly "
            "depends on the size of the holes, and the paper does not describe its holes.",
            HOLDS if final["validation"] <= published["validation"] else OPEN,
            "figures.claim_losses",
        ),
        Claim(
            "Losses fall over training, and the network generalises",
            "training and validation loss fall over the epochs; generalisation is exceptional.",
            "In the rebuilt network the training loss falls from "
            f"{first['training']:.4f} to {final['training']:.4f}, and the validation loss from "
            f"{first['validation']:.4f} to {final['validation']:.4f}. The final validation loss "
            f"is {final['validation'] / final['training']:.2f} times the training loss (only "
            "training has noise and augmentation). Holds if both losses fall and this ratio is "
            "at most 1.5.",
            HOLDS if falls and final["validation"] <= 1.5 * final["training"] else FAILS,
            "figures.claim_losses",
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
            "The paper does not say that the five errors belong to the same images, holes or "
            f"intensities. {len(impossible)} of them ({', '.join(impossible)}) exceed 1, which is "
            "impossible for intensities in [0, 1]. 0.015 is the paper's loss in training.",
            OPEN,
            "figures.table2",
        ),
        Claim(
            "More accurate than existing methods: the paper's setting, rebuilt",
            "the network surpasses existing methods in accuracy and looks.",
            "Hole PSNR is "
            f"{beside(theirs, 'that of the biharmonic fill of scikit-image')} on the same holes. "
            "The six 3 x 3 convolutions chosen here do not reach across a hole. The paper does "
            "not print its own.",
            gain(theirs),
            "figures.table2",
        ),
        Claim(
            "More accurate than classical fills: this project's network",
            "the network surpasses existing methods. Here the network is bio_scnn, which improves "
            "two classical fills.",
            f"Hole PSNR is {beside(ours, 'that of the biharmonic fill')}. Networks trained on "
            "millions of images were not measured; this says nothing about the state of the art.",
            gain(ours),
            "figures.table2",
        ),
    ]


def hybrid(n: Numbers) -> list[Claim]:
    """Spikes against none."""
    over = n["table2"]["measured"]["bio_scnn, trained as the twins"]["over"]
    twin, one_step = over["CNN-only twin"], over["paper's one-step layer"]
    noise = n["claim_robustness"]
    small = noise["picture"]["over_twin"][0]
    seeds = n["ablation"].get("seed 1")
    chance = ""
    if seeds:
        base = n["ablation"]["as configured"]
        moved = max(abs(seeds[kind] - base[kind]) for kind in KINDS)
        chance = f"; in short trainings another seed moved hole PSNR by up to {moved:.2f} dB"
    return [
        Claim(
            "The hybrid restores better than a CNN alone",
            "spiking and convolutional layers together may perform better than convolutions.",
            "The same network with rectifiers in place of the neurons, with as many weights and "
            "trained alike (`models/cnn_twin.md`), is its twin. The hybrid is "
            f"{beside(twin, 'this twin')} on Table 2's crops. It is {beside(small, 'this twin')} "
            f"on the {noise['cases']} crops of {noise['size']} pixels that noise was measured on. "
            f"Each was trained once{chance}. Holds if both agree.",
            all_of([gain(twin), gain(small)]),
            "figures.table2",
        ),
        Claim(
            "Neurons that integrate do better than the paper's one-step layer",
            "(Not claimed.) The paper's forward method adds noise and compares once with a "
            "threshold; here eq. 1 is solved over time.",
            f"Firing rates of eq. 1 are {beside(one_step, 'one binary spike')} for each feature "
            "(`models/one_step.md`). But the two trainings differ: binary spikes needed half the "
            "learning rate and fewer steps. Each network was trained once.",
            OPEN,
            "figures.table2",
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
            f"at σ = {std:g} it loses {lost[0]:.2f} dB and is {beside(over, 'its twin')}"
            for std, lost, over in rows
        )
        claims.append(
            Claim(
                f"More robust than a CNN to noise on {what}",
                "neurons process information effectively even in the presence of noise.",
                f"The hybrid with noise: {listed}. Holds if it is above its twin at every level.",
                all_of([gain(over) for _, _, over in rows]),
                "figures.claim_robustness",
            )
        )
    lost = dict(zip(found["levels"]["currents"], found["currents"]["lost"], strict=True))
    worst = max(lost)
    claims.append(
        Claim(
            "Robust to noise on the neurons' currents",
            "(Not claimed in this form.) The noise has 10 ms in Table 1 and a deviation of 0.1 "
            "in the text.",
            f"Coloured noise of 0.1 costs {db(lost[0.1])} of hole PSNR. Noise of {worst:g}, a "
            f"tenth of the weakest current, costs {db(lost[worst])}. Holds if noise of 0.1 has no "
            "effect. A rectifier has no such noise, so this is no advantage over one.",
            {HOLDS: FAILS, FAILS: HOLDS}.get(effect(lost[0.1]), OPEN),
            "figures.claim_robustness",
        )
    )
    return [*claims, training_noise(n["ablation"])]


def training_noise(rows: Numbers) -> Claim:
    """From the ablation, where there is one."""
    title = "Noise in training makes the network more robust"
    says = "controlled noise, added to the convolution's output, makes it robust and adaptive."
    module = "tools.docs.ablation"
    with_noise, without = rows.get("as configured"), rows.get("no noise in training")
    if not with_noise or not without:
        return Claim(title, says, "Not measured.", OPEN, module)
    lost = [
        sum(row[kind] - row[f"{kind} noise"] for kind in KINDS) / len(KINDS)
        for row in (with_noise, without)
    ]
    clean = sum(with_noise[kind] - without[kind] for kind in KINDS) / len(KINDS)
    return Claim(
        title,
        says,
        f"Feature noise of 0.1 costs {lost[0]:.2f} dB in a network trained with noise, and "
        f"{lost[1]:.2f} dB in one trained without. On clean features the network trained with "
        f"noise differs by {clean:+.2f} dB (short trainings, one of each, `ablation.md`). Holds "
        f"if the two costs differ by {NOTICEABLE_DB:g} dB or more.",
        HOLDS if lost[1] - lost[0] >= NOTICEABLE_DB else FAILS,
        module,
    )
