"""The page docs/ablation.md: the gain of each ingredient of the default model.

Every variant is ``models/inpaint.toml`` with one thing changed, trained for the same number of
steps (far fewer than the model's own) and measured on the same held-out photographs, so that rows
can be compared with one another and with the same configuration under another seed. A variant
that is finished is not run again. Writes the page, and the scores as JSON:
``python -m tools.docs.ablation --data DIR``.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from tqdm import tqdm

from bio_scnn.commands.options import run
from bio_scnn.commands.training import add_execution_options, execution_of
from bio_scnn.data.datasets import find_images
from bio_scnn.data.masks import MASK_KINDS
from bio_scnn.network.checkpoint import config_path, load_model
from bio_scnn.network.fills import biharmonic_fill, harmonic_fill
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import SpikingOptions
from bio_scnn.restoration.metrics import hole_psnr
from bio_scnn.runtime.config import from_table, read_toml, to_table
from bio_scnn.runtime.files import write_whole
from bio_scnn.training.run import Execution, find_data, train
from bio_scnn.training.run_files import RunFiles
from bio_scnn.training.settings import Config
from bio_scnn.training.validation import ValidationSet, validation_set
from tools.docs import DOCS
from tools.docs._ablation_variants import ALSO_TRIED, ONE_FILL, VARIANTS, Change

NOISE = 0.1


def changed(config: Config, change: Change, steps: int) -> Config:
    """The configuration with the change applied, shortened."""
    tables = to_table(config)
    for table, values in change.items():
        tables[table] |= values
    if len(tables["architecture"]["fills"]) == 1:  # no weight between fills to be learnt
        others = tables["architecture"]["layers"][:-1]
        tables["architecture"]["layers"] = (*others, to_table(ONE_FILL))
    # As many patches are shown as in the reference.
    steps = steps * config.training.batch // tables["training"]["batch"]
    warmup = min(config.training.warmup, steps // 8)
    tables["training"] |= {"steps": steps, "validate_every": steps, "warmup": warmup}
    return from_table(Config, tables, "ablation")


def fewer(folder: Path, photographs: Path, validation: Sequence[Path]) -> Path:
    """A folder of links to every fourth training photograph, and to all that are held out."""
    paths = find_images(photographs)
    rest = [path for path in paths if path not in validation]
    for path in [*rest[::4], *validation]:
        link = folder / path.relative_to(photographs)  # the name decides the side of the split
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.symlink_to(path.resolve())
    return folder


def scores(
    model: HybridSCNN, validation: ValidationSet, names: tuple[str, ...]
) -> dict[str, float]:
    """Mean hole PSNR by kind of mask: of exact rates, with noisy features, with counted spikes.

    `names` are the fills of the validation set.
    """
    exact = SpikingOptions(engine="closed-form")
    shown = [3 * names.index(fill) + c for fill in model.architecture.fills for c in range(3)]
    ways = {
        "": exact,
        "noise": dataclasses.replace(exact, feature_noise=NOISE),
    }
    if model.unit.simulated:
        ways["count"] = dataclasses.replace(exact, readout="count")
    means: dict[str, float] = {}
    for way, options in tqdm(ways.items(), desc="measure", disable=None, leave=False):
        rng = np.random.default_rng(0)
        for kind, masks in validation.masks.items():
            found = []
            fills = validation.fills[kind][..., shown]
            for truth, mask, guess in zip(validation.truth, masks, fills, strict=True):
                restored = model.forward(guess, mask, options, rng)
                found.append(hole_psnr(np.clip(restored, 0, 1), truth, mask))
            means[f"{kind} {way}".strip()] = float(np.mean(found))
    return means


def fills(validation: ValidationSet) -> dict[str, dict[str, float]]:
    """Mean hole PSNR of the classical fills on the same crops, by kind of mask."""
    rows: dict[str, dict[str, float]] = {name: {} for name in ("harmonic", "biharmonic", "mean")}
    for kind, masks in validation.masks.items():
        psnr: dict[str, list[float]] = {name: [] for name in rows}
        for truth, mask in zip(validation.truth.astype(float), masks, strict=True):
            first, second = harmonic_fill(truth, mask), biharmonic_fill(truth, mask)
            for name, filled in zip(rows, (first, second, (first + second) / 2), strict=True):
                psnr[name].append(hole_psnr(np.clip(filled, 0, 1), truth, mask))
        for name in rows:
            rows[name][kind] = float(np.mean(psnr[name]))
    return rows


def table(results: dict[str, dict[str, float]], classical: dict[str, dict[str, float]]) -> str:
    """Markdown: PSNR of the reference, differences of the others, spread of the seeds."""
    lines = [
        "| variant | " + " | ".join(MASK_KINDS) + " | loss by noise | loss by counts |",
        "|---" * (len(MASK_KINDS) + 3) + "|",
    ]
    base = results["as configured"]
    for name, row in classical.items():
        lines.append(f"| {name} fill | " + " | ".join(f"{row[k]:.2f}" for k in row) + " | | |")
    for name, row in results.items():
        cells = [
            f"{row[kind]:.2f}" if row is base else f"{row[kind] - base[kind]:+.2f}"
            for kind in MASK_KINDS
        ]
        for way in ("noise", "count"):
            lost = [row[k] - row.get(f"{k} {way}", np.nan) for k in MASK_KINDS]
            cells.append(" / ".join(f"{db:.2f}" for db in lost) if np.isfinite(lost).all() else "")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    seeds = [results[name] for name in ("as configured", "seed 1", "seed 2") if name in results]
    if len(seeds) > 1:
        spread = [np.std([row[kind] for row in seeds], ddof=1) for kind in MASK_KINDS]
        cells = [f"{db:.2f}" for db in spread]
        lines.append("| standard deviation of the seeds | " + " | ".join(cells) + " | | |")
    return "\n".join(lines)


def page(text: str, steps: int, pictures: int) -> str:
    """The page around the table."""
    paragraphs = [
        "# What each ingredient of the default model gives",
        fill(
            "Each row changes one thing in `models/inpaint.toml`. It was trained for "
            f"{steps:,} steps (the configuration has {read_steps():,}), or for as many as show "
            f"the same number of patches, and measured on {pictures} crops of photographs held "
            "out of training (`models/DATA.md`), with rates in the closed form. The first rows "
            "are hole PSNR in dB of the classical fills and of the configuration itself; all "
            "others are differences from the configuration. A seed changes the first weights, "
            "and the order and holes of the patches. A difference within the spread of the seeds "
            "means nothing. "
            "*Loss by noise* is the loss of hole PSNR under feature noise of 0.1. *Loss by "
            "counts* is the loss if spikes are counted over 100 ms. Both are for strokes / boxes "
            "/ scratches.",
            98,
        ),
        text,
        f"`python -m tools.docs.ablation --data PHOTOS --steps {steps}`",
        ALSO_TRIED,
    ]
    return "\n\n".join(paragraphs) + "\n"


def read_steps() -> int:
    """Steps of the shipped model's training."""
    return int(read_toml(config_path("inpaint"))["training"]["steps"])


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(description="Train the default model with one thing changed.")
    p.add_argument("--data", type=Path, required=True, metavar="DIR", help="photographs")
    p.add_argument("--steps", type=int, default=4000, help="of every variant (default: 4000)")
    p.add_argument(
        "--only", nargs="+", choices=list(VARIANTS), metavar="VARIANT",
        help="train and measure some of the variants, and write no page: " + ", ".join(VARIANTS),
    )  # fmt: skip
    p.add_argument(
        "--runs", type=Path, default=Path("runs/ablation"), metavar="DIR", help="what is trained"
    )
    p.add_argument(
        "-o", "--output", type=Path, default=DOCS / "ablation", metavar="DIR",
        help="folder of the scores; the page goes beside it (default: docs/ablation)",
    )  # fmt: skip
    add_execution_options(p)
    return p


def main(argv: Sequence[str] | None = None) -> None:
    """Train what is missing, and print the table."""
    args = parser().parse_args(argv)
    path = config_path("inpaint")
    config = from_table(Config, read_toml(path), str(path))
    data = dataclasses.replace(config.data, folder=str(args.data))
    config = dataclasses.replace(config, data=data)
    photographs, held_out = find_data(config.data)
    validation, _ = validation_set(config, photographs, held_out)
    execution = execution_of(args)
    results = {}
    for name in args.only or VARIANTS:
        variant = changed(config, VARIANTS[name], args.steps)
        folder = args.runs / name.replace(" ", "-")
        if name == "a quarter of the photographs":
            few = fewer(args.runs / "photographs", args.data, held_out)
            data = dataclasses.replace(variant.data, folder=str(few))
            variant = dataclasses.replace(variant, data=data)
        results[name] = measured(variant, folder, validation, config, execution)
    if args.only:
        return
    write_whole(args.output / "scores.json", (json.dumps(results, indent=1) + "\n").encode())
    text = table(results, fills(validation))
    pictures = len(validation.truth)
    write_whole(args.output.with_suffix(".md"), page(text, args.steps, pictures).encode())
    print(text)


def measured(
    variant: Config,
    folder: Path,
    validation: ValidationSet,
    reference: Config,
    execution: Execution,
) -> dict[str, float]:
    """Scores of a variant, trained and measured if that is not done."""
    files, known = RunFiles(folder, "model"), folder / "scores.json"
    if not files.model.exists():
        print(f"{folder.name}: {variant.training.steps} steps", flush=True)
        resume = files.state.exists()
        train(variant, files, resume=resume, quiet=False, command="ablation", execution=execution)
    if not known.exists():
        found = scores(load_model(files.model)[0], validation, reference.architecture.fills)
        write_whole(known, json.dumps(found).encode())
    return json.loads(known.read_text("utf-8"))


if __name__ == "__main__":
    run(main)
