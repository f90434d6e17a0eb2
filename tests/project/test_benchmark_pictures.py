"""The benchmarks of pictures: what they make and compare, and what they say of what failed."""

import importlib
import json
import math

import numpy as np
import pytest
from skimage.data import astronaut

from benchmarks import _restoring as restoring
from benchmarks import many_pictures as many
from benchmarks import pictures
from bio_scnn.errors import InputError


def test_pictures_are_mirrored():
    small, large = restoring.picture(200, 100), restoring.picture(1100, 1600)
    np.testing.assert_array_equal(small, astronaut()[:200, :100])
    expected = np.pad(astronaut(), ((0, 588), (0, 1088), (0, 0)), mode="symmetric")
    np.testing.assert_array_equal(large, expected)


@pytest.mark.parametrize("holes", ["square", "boxes", "strokes"])
def test_so_many_pixels_are_missing(holes):
    mask = restoring.missing_pixels(holes, 300, 500, 1600)
    assert mask.shape == (300, 500)
    assert np.count_nonzero(mask) == 1600
    assert (mask.any(axis=0).sum() == 40) == (holes == "square")


def test_what_is_measured_of_one_picture():
    case = ("boxes", 96, 130, 300)
    fast, whole = (restoring.restored(name, *case) for name in restoring.OURS)
    peer = restoring.restored("biharmonic (scikit-image)", *case)
    assert fast["missing"] == whole["missing"] == peer["missing"] == 300
    assert fast["hole_psnr"] == pytest.approx(whole["hole_psnr"], abs=0.05)
    assert 15 < peer["hole_psnr"] < 45
    assert peer["hole_psnr"] != fast["hole_psnr"]
    assert set(fast["stages"]) == {"fill", "convolution", "neurons", "cnn"}
    assert 0 < sum(fast["stages"].values()) < 2 * fast["seconds"]
    assert peer["bytes"] is None or peer["bytes"] > 3e7


def test_what_is_not_installed_or_slow_says_so(monkeypatch):
    found = pictures.attempt(60.0, "biharmonic (scikit-image)", "square", 64, 64, 100)
    assert found["missing"] == 100
    case = ("square", 512, 512, 100)
    assert pictures.attempt(0.01, "bio_scnn", *case) == {"failed": "over 0 s"}
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    assert pictures.attempt(60.0, "Telea (OpenCV)", *case) == {"failed": "not installed"}


def made_up():
    """Data in which time follows the holes, and some attempts failed."""
    rows = []
    for side, name in [(side, name) for side in (100, 400) for name in pictures.COLOURS]:
        row = {"method": name, "holes": "boxes", "height": side, "width": side, "area": side}
        if name.startswith("Telea"):
            row["failed"] = "not installed"
        else:
            stages = {"fill": 1e-6 * side, "convolution": 0.0, "neurons": 0.0, "cnn": 0.0}
            row |= {"seconds": 1e-6 * side * (1 if name in pictures.OURS else 4), "stages": stages}
            row |= {"hole_psnr": 30.0, "bytes": 2e8, "missing": side}
        rows.append(row)
    ours = [row for row in rows if row["method"] in pictures.OURS]
    return {"races": rows, "by_area": rows, "large": ours}


def test_tables_and_drawing():
    data = json.loads(json.dumps(made_up()))
    text = pictures.table(data)
    name = "100 x 100, boxes of 16-32 px"
    assert f"| {name}, biharmonic (scikit-image) | 0.0004 s | 4 | 30.00 dB | 200 MB |" in text
    assert f"| {name}, bio_scnn | 0.0001 s | 1 | 30.00 dB | 200 MB |" in text
    assert f"| {name}, Telea (OpenCV) | not installed |  |  |  |" in text
    assert "bio_scnn: time grows as the missing area to the power of 1.00." in text
    assert "Telea (OpenCV): time grows" not in text
    assert text.count("| 400 x 400, ") == 5 + 2
    figure = pictures.draw(data)
    assert len(figure.axes) == 3
    assert len(figure.axes[0].lines) == len(pictures.COLOURS) - 1
    assert len(figure.axes[2].patches) == 4 * len(data["large"])


def test_goals():
    done = {"method": "bio_scnn", "seconds": 20.5, "bytes": 1.2e9, "missing": 1000}
    sizes = {"height": 3000, "width": 4000}, {"height": 10_000, "width": 10_000}
    fast = done | sizes[1] | {"method": "bio_scnn, fast"}
    rows = [done | sizes[0], done | sizes[1] | {"bytes": 1.6e9}, fast]
    assert pictures.goals({"large": rows}) == [
        "seconds of 12 megapixels, at most 20: 20.5, **missed**",
        "GB of 12 megapixels, 1,000 missing, at most 1.5: 1.20, **reached**",
        "GB of 100 megapixels, 1,000 missing, at most 1.5: 1.60, **missed**",
    ]
    failed = {"method": "bio_scnn", "failed": "over 240 s"} | sizes[0]
    assert pictures.goals({"large": [failed, fast]}) == []
    rows = [{"what": "work", "ratio": 1.8}, {"what": "work", "ratio": 1.79}]
    assert [line.split()[-1] for line in many.goals({"rows": rows})] == [
        "**reached**",
        "**missed**",
    ]


def test_exponents():
    rows = [{"missing": n, "seconds": 3 * n**1.5} for n in (10, 100, 1000)]
    assert pictures.exponent([*rows, {"failed": "over 60 s"}]) == pytest.approx(1.5)
    assert math.isnan(pictures.exponent(rows[:1]))


def test_reports_are_compared_without_times():
    one, two = (
        {
            "meta": {"command": f"--jobs {jobs}", "date": str(jobs)},
            "reports": [{"results": [{"seconds": jobs, "status": "passed"}]}],
        }
        for jobs in (1, 2)
    )
    assert many._without_times(one) == many._without_times(two)
    two["reports"][0]["results"][0]["status"] = "failed"
    assert many._without_times(one) != many._without_times(two)


@pytest.mark.nightly
@pytest.mark.slow
def test_pictures_are_the_same_two_at_a_time(tmp_path):
    work = many.restoring(tmp_path, 2, 64)
    for entrant in work.entrants.values():
        entrant()
    assert len(work.results[1]) == 4  # two pictures, two panels
    assert work.results[1] == work.results[2]


def test_training_is_the_same_on_two_threads():
    work = many.training(2, 32)
    for entrant in work.entrants.values():
        entrant()
    assert len(work.results[1]) == 12
    assert work.results[1] == work.results[2]


def test_other_results_are_refused(monkeypatch):
    results = {1: {"a": 1}, 2: {"a": 2}}
    work = many.Work("work", {1: lambda: None, 2: lambda: None}, results, 1)
    for name in ("restoring", "checking", "training"):
        monkeypatch.setattr(many, name, lambda *given: work)
    with pytest.raises(InputError, match="work: two at a time gave another result than one"):
        many.measure(quick=True)
    results[2]["a"] = 1
    data = many.measure(quick=True)
    assert len(data["rows"]) == 3
    assert many.table(data).count("| work |") == 3
    assert len(many.draw(data).axes[0].patches) == 3


def test_a_command_that_fails_ends_it():
    with pytest.raises(InputError, match=r"bio_scnn.run_inpaint failed: error: .*nowhere"):
        many.command("bio_scnn.run_inpaint", "nowhere.png", "--mask-kind", "boxes")


@pytest.mark.benchmark
@pytest.mark.parametrize("name", ["pictures", "many_pictures"])
def test_quick(name, tmp_path):
    importlib.import_module(f"benchmarks.{name}").main(["--quick", "--output", str(tmp_path)])
    data = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
    assert data["quick"] is True
    assert (tmp_path / f"{name}.svg").stat().st_size > 1000
