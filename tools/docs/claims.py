"""The page docs/claims.md: the paper's claims, and what was measured of them.

``python -m figures`` measures and draws; ``python -m tools.docs.claims`` reads the numbers it
left, JSON beside the pictures. The claims stand in the modules ``_claims_on_...``, the rules by
which numbers become verdicts in ``_verdicts``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from textwrap import fill

from bio_scnn.commands.options import run
from bio_scnn.data.debian import read_manifest
from bio_scnn.errors import InputError
from bio_scnn.runtime.files import write_whole
from tools.docs import DOCS, FIGURES
from tools.docs import _claims_on_quality as quality
from tools.docs import _claims_on_spikes as spikes
from tools.docs._verdicts import RULES, Claim, Numbers

PARTS: tuple[Callable[[Numbers], list[Claim]], ...] = (
    quality.losses,
    quality.accuracy,
    quality.hybrid,
    quality.robustness,
    spikes.events,
    spikes.integration,
    spikes.constants,
)
NOT_MEASURED = """\
- That spikes make the network biologically plausible, interpretable, flexible and adaptable: these
  are not quantities.
- That temporal dynamics help with video, event cameras, occlusions over time or object detection:
  the paper, like this project, restores still pictures.
- Training on LSDIR: its 84,991 images were not at hand."""


def page(numbers: Numbers) -> str:
    """The page: a table of verdicts, then each claim."""
    claims = [claim for part in PARTS for claim in part(numbers)]
    photographs = numbers["table2"]["photographs"]
    which = f"{len(photographs)} photographs ({', '.join(photographs)})"
    if {*photographs} == {photograph.name for photograph in read_manifest().val}:
        which = (
            f"the {len(photographs)} validation photographs (`models/DATA.md`), which were "
            "never used for design choices"
        )
    paragraphs = [
        "# The paper's claims, measured",
        fill(
            "Sanaullah et al. (NLDL 2024) make claims about spiking layers in an inpainting "
            "network. This page compares each claim with a measurement and names the command. "
            f"The photographs are {which}. Brackets are 95 % intervals of a bootstrap over "
            "photographs; with eight photographs they contain the true mean nine times in ten. "
            "They do not include the variation between trainings.",
            98,
        ),
        RULES,
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
        says = claim.says[0].upper() + claim.says[1:]
        paragraphs += [
            f"## {claim.title}",
            fill(f"*The paper:* {says}", 98),
            fill(f"*Measured:* {claim.measured}", 98),
            f"**{claim.verdict[0].upper()}{claim.verdict[1:]}.** `python -m {claim.module}`",
        ]
        package, script = claim.module.rsplit(".", 1)
        if package == "figures" and script not in shown:
            shown.add(script)
            paragraphs.append(f"![{claim.title}](../figures/{script}.svg)")
    paragraphs += ["## Not measured", NOT_MEASURED]
    return "\n\n".join(paragraphs) + "\n"


def read(folder: Path, ablation: Path) -> Numbers:
    """The JSON that the scripts left in a folder, and that of the ablation if it is there.

    Raises
    ------
    InputError
        If something is missing, or not measured on the same photographs, two at least.
    """
    names = ("table2", *(path.stem for path in sorted(FIGURES.glob("claim_*.py"))))
    numbers: Numbers = {}
    for name in names:
        path = folder / f"{name}.json"
        if not path.is_file():
            raise InputError(f"{path}: not there; run python -m figures.{name} first")
        numbers[name] = json.loads(path.read_text("utf-8"))
        if numbers[name]["photographs"] != numbers["table2"]["photographs"]:
            raise InputError(
                f"{path}: measured on other photographs than table2.json; run both with the same"
            )
    if len(numbers["table2"]["photographs"]) < 2:
        raise InputError(f"{folder}: measured on one photograph; intervals need two or more")
    numbers["ablation"] = json.loads(ablation.read_text("utf-8")) if ablation.is_file() else {}
    return numbers


def main(argv: Sequence[str] | None = None) -> None:
    """Read the numbers, write the page."""
    p = argparse.ArgumentParser(description="Write docs/claims.md from what the figures left.")
    p.add_argument("--figures", type=Path, default=FIGURES, metavar="DIR", help="of the JSON")
    p.add_argument("-o", "--output", type=Path, default=DOCS / "claims.md", help="page to write")
    args = p.parse_args(argv)
    write_whole(args.output, page(read(args.figures, DOCS / "ablation" / "scores.json")).encode())
    print(args.output)


if __name__ == "__main__":
    run(main)
