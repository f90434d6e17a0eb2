"""The plan for many machines: its arithmetic, its page, and that its measurement runs."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bio_scnn import InputError
from tools.docs import clusters_plan as plan

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARK = ROOT / "benchmarks" / "cluster.py"


# Round numbers, to be checked by hand.
MEASURED = {
    "tasks": {"picture_ms": 10.0, "picture_bytes": 3_000_000},
    "large": {"restore_s_per_megapixel": 20.0, "read_ms_per_megapixel": 30.0},
    "training": {
        "patches_per_shard": 3,
        "reuse": 4,
        "shard_s": 0.3,
        "way_ms_per_step": 5.0,
        "way_ms_per_shard": 10.0,
        "bytes_there": 3_000_000,
        "bytes_of_weights": 1_000_000,
        "bytes_back": 1_000_000,
        "update_ms": 15.0,
        "prepare_ms_per_patch": 50.0,
    },
}


def test_pictures_are_divided_among_workers():
    assumed = plan.Assumed(megapixels=2.0, cores=10, link=1e8)
    few = plan.restoring(MEASURED, assumed, 1)
    assert few["work"] == 8500 * 40  # 84,991 pictures by 10, the last round not full
    assert few["command"] == pytest.approx(84_991 * 0.02)
    assert few["link"] == pytest.approx(84_991 * 0.07)
    assert few["wall"] == few["work"]
    assert few["efficiency"] == pytest.approx(84_991 / 85_000)
    many = plan.restoring(MEASURED, assumed, 100)
    assert many["work"] == 85 * 40
    assert many["wall"] == many["link"] > many["command"] == few["command"]
    assert many["commands"] == 2  # 5,949 s on the link, 3,400 s of work


def test_a_step_is_work_way_and_update_or_preparation():
    assumed = plan.Assumed(megapixels=2.0, link=1e8)
    step = plan.training_step(MEASURED, assumed, 4)
    assert step["work"] == 0.3
    assert step["moved"] == 16_000_000
    assert step["way"] == pytest.approx(0.005 + 0.04 + 0.16)
    assert step["step"] == pytest.approx(0.3 + 0.205 + 0.015)
    assert step["prepare"] == pytest.approx(12 * (0.05 + 0.06) / 4)
    assert step["wall"] == step["step"]
    assert step["patches_per_s"] == pytest.approx(12 / 0.52)
    double = plan.training_step(MEASURED, assumed, 4, patches=6)
    assert double["work"] == 0.6
    assert double["moved"] == 4 * (1_000_000 + 1_000_000 + 4_000_000)
    starved = plan.training_step(
        MEASURED, dataclasses.replace(assumed, megapixels=20.0, link=1e12), 4
    )
    assert starved["wall"] == starved["prepare"] > starved["step"]


def test_the_page_states_what_its_measurements_give():
    page = plan.PAGE.read_text("utf-8")
    data = json.loads(plan.MEASURED.read_text("utf-8"))
    assert not data["quick"]
    assert plan.renewed(page, data) == page
    slower = data | {"large": data["large"] | {"restore_s_per_megapixel": 1e3}}
    assert plan.renewed(page, slower) != page
    with pytest.raises(InputError, match="lacks the marks"):
        plan.renewed("a page", data)


def test_without_a_measurement_there_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"run python -m benchmarks\.cluster first"):
        plan.main(["--measured", str(tmp_path / "none.json")])


def test_the_options_of_the_page_exist():
    """Each of its commands of ours is parsed as it stands."""
    from bio_scnn import run_inpaint, train, validate

    parsers = {module.parser().prog: module.parser() for module in (run_inpaint, train, validate)}
    seen = 0
    for line in plan.PAGE.read_text("utf-8").splitlines():
        for prog, parser in parsers.items():
            if line.startswith(prog):
                args = parser.parse_args(line.removeprefix(prog).split())
                assert args.scheduler == "tcp://HOST:8786"
                seen += 1
    assert seen == 3


@pytest.mark.benchmark
def test_the_measurement_runs_and_can_be_planned(tmp_path):
    pytest.importorskip("distributed")
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--quick", "--output", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "all 8 files identical" in done.stdout
    data = json.loads((tmp_path / "cluster.json").read_text())
    assert data["quick"]
    assert data["pictures"]["identical_files"] == 8
    assert data["training"]["bytes_back"] > 1_700_000  # as many gradients as weights
    assert "### Training" in plan.computed(data)
    assert (tmp_path / "cluster.svg").stat().st_size > 10_000
