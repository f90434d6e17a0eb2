"""The page of claims: its verdicts follow the numbers."""

import json
import re
from pathlib import Path

import pytest

from bio_scnn import InputError
from bio_scnn.data.masks import MASK_KINDS
from tools.docs import _verdicts, claims

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def numbers():
    return claims.read(ROOT / "figures", ROOT / "docs" / "ablation" / "scores.json")


def test_the_page_is_what_its_numbers_give(numbers):
    page = (ROOT / "docs" / "claims.md").read_text("utf-8")
    assert claims.page(numbers) == page
    for link in re.findall(r"\]\((\.\./figures/[^)]+)\)", page):
        assert (ROOT / "docs" / link).is_file(), link


def verdict(numbers, title):
    (found,) = re.findall(
        rf"^\| {re.escape(title)} \| \*\*(.+)\*\* \|$", claims.page(numbers), re.M
    )
    return found


@pytest.mark.parametrize(
    ("gain", "says"),
    [
        ([0.3, 0.2, 0.4], "holds"),
        ([-0.3, -0.4, -0.2], "does not hold"),
        ([0, -1, 1], "undecided"),
    ],
)
def test_verdicts_follow_the_numbers(numbers, gain, says):
    title = "The hybrid restores better than a CNN alone"
    numbers["table2"]["measured"]["bio_scnn, trained as the twins"]["over"]["CNN-only twin"] = gain
    numbers["claim_robustness"]["picture"]["over_twin"][0] = gain
    assert verdict(numbers, title) == says
    numbers["claim_robustness"]["picture"]["over_twin"][0] = [0, -1, 1]
    assert verdict(numbers, title) == "undecided"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ([0.2, 0.01, 0.4], "holds"),
        ([-0.2, -0.4, -0.01], "holds"),
        ([0.2, -0.1, 0.5], "undecided"),
        ([0.09, 0.01, 0.2], "undecided"),
        ([0.05, 0.01, 0.09], "does not hold"),
        ([0.0, 0.0, 0.0], "does not hold"),
    ],
)
def test_an_effect_is_seen_excluded_or_left_open(found, says):
    assert _verdicts.effect(found) == says


def test_other_numbers_turn_verdicts(numbers):
    title = "Event-driven: spikes occur only at significant changes of the input"
    timed = numbers["claim_energy"]["ways"][-2]
    assert verdict(numbers, title) == "does not hold"
    timed["silent"] = 0.01
    assert verdict(numbers, title) == "does not hold"
    timed["silent"] = 0.9
    assert verdict(numbers, title) == "holds"
    title = "Low energy: LIF neurons of eq. 1"
    for synapses, says in ((0.97, "does not hold"), (0.5, "holds")):
        for energy in timed["energy"].values():
            energy["synapses"] = synapses
        assert verdict(numbers, title) == says
    timed["over_exact"][0] = -0.2  # what restores worse does not count
    assert verdict(numbers, title) == "does not hold"
    for title, gain, says in (
        ("More robust than a CNN to noise on known pixels", [0.2, 0.1, 0.3], "holds"),
        ("More robust than a CNN to noise on known pixels", [-0.2, -0.3, -0.1], "does not hold"),
    ):
        numbers["claim_robustness"]["picture"]["over_twin"][1:] = 4 * [gain]
        assert verdict(numbers, title) == says
    for row in numbers["claim_constants"]["tau_ms"]:
        row["over_table_1"] = [-0.3, -0.4, -0.2] if row["ms"] == 160 else [0, 0, 0]
    assert verdict(numbers, "The membrane time constant matters") == "holds"
    numbers["claim_losses"]["final"]["training"] = 0.02
    assert verdict(numbers, "A training loss (MSE) of 0.015") == "undecided"


def test_noise_in_training_is_left_open_without_an_ablation(numbers):
    title = "Noise in training makes the network more robust"
    numbers["ablation"] = {}
    assert verdict(numbers, title) == "undecided"
    row = {f"{kind}{way}": 20.0 for kind in MASK_KINDS for way in ("", " noise")}
    worse = row | {f"{kind} noise": 19.8 for kind in MASK_KINDS}
    numbers["ablation"] = {
        "as configured": row,
        "seed 1": row,
        "no noise in training": worse,
    }
    assert verdict(numbers, title) == "holds"


def test_numbers_of_different_photographs_are_not_mixed(tmp_path):
    for path in (ROOT / "figures").glob("*.json"):
        content = json.loads(path.read_text("utf-8"))
        if path.stem == "claim_energy":
            content["photographs"] = ["mine"]
        (tmp_path / path.name).write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"claim_energy\.json: measured on other photographs"):
        claims.read(tmp_path, tmp_path / "none.json")


def test_missing_numbers_are_named(tmp_path):
    with pytest.raises(InputError, match=r"run python -m figures\.table2 first"):
        claims.read(tmp_path, tmp_path / "none.json")
