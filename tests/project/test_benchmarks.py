"""The benchmarks: what they count, what they refuse, and that they run."""

import importlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmark_tables import drawn, rows_of
from helpers import photograph

from benchmarks import _bench as bench
from benchmarks import _simulators, simulation, start
from benchmarks.__main__ import main as run_all
from bio_scnn import current_for_rate, firing_rate, simulate
from bio_scnn.data.images import write_image
from bio_scnn.errors import InputError
from bio_scnn.neuron._brian2 import load_brian2
from tools.docs import performance
from tools.scripts import names

ROOT = Path(__file__).resolve().parent.parent.parent
BENCHMARKS = ROOT / "benchmarks"


# --- What scripts share ------------------------------------------------------------------------

NAMES = names("benchmarks")


def all_numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for item in value for number in all_numbers(item)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("name", NAMES)
def test_every_script_keeps_the_contract(name, capsys):
    script = importlib.import_module(f"benchmarks.{name}")
    assert script.TITLE
    assert all(callable(getattr(script, part)) for part in ("measure", "table", "draw"))
    with pytest.raises(SystemExit) as ended:
        script.main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "--quick" in printed
    assert "--output" in printed
    assert "examples:\n  python -m benchmarks" in printed


def test_everything_takes_its_turn():
    ran = []
    entrants = {name: lambda name=name: ran.append(name) for name in "abc"}
    seconds = bench.in_turns(entrants, 3, warm=1)
    assert "".join(ran) == "cab" + "abc" + "bca" + "cab"
    assert all(values.shape == (3,) and np.all(values >= 0) for values in seconds.values())


def test_ratios_are_medians_over_rounds():
    assert bench.ratio([3.0, 2, 8], [1.0, 2, 4]) == 2
    assert bench.spread([1.0, 2, 3, 4, 50]) == {"seconds": 3.0, "quartiles": [2.0, 4.0]}


def test_goals_are_reached_or_missed():
    assert bench.goal("time", 0.3, 0.3) == "time, at most 0.3: 0.30, **reached**"
    assert bench.goal("time", 0.31, 0.3).endswith("**missed**")
    assert bench.goal("ratio", 9.9, 10, least=True).endswith("**missed**")
    assert bench.goal("ratio", float("inf"), 10, least=True).endswith("**reached**")


def test_quick_results_do_not_replace_good_ones():
    assert bench.arguments(bench.parser(""), []).output == BENCHMARKS / "results"
    quick = bench.arguments(bench.parser(""), ["--quick"]).output
    assert quick == BENCHMARKS / "results" / "quick"


def test_a_file_is_no_folder_for_results(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file; it must be a folder"):
        bench.arguments(bench.parser(""), ["--output", str(tmp_path / "file")])


def test_busy_cores_are_counted():
    assert 0 <= bench.busy_cores(0.05) < 10_000


SCRIPT_OF_THREE = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
{needs}
if __name__ == "__main__":
    Path(sys.argv[sys.argv.index("--output") + 1], "{name}").touch()
    sys.exit({code})
"""


def test_one_script_does_not_stop_the_others(monkeypatch, tmp_path, capfd):
    package = tmp_path / "measurements"
    package.mkdir()
    (package / "__init__.py").touch()
    for name, needs, code in (("fa", "", 3), ("la", "NEEDS = ('no-such',)", 0), ("za", "", 0)):
        text = SCRIPT_OF_THREE.format(name=name, needs=needs, code=code)
        (package / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"failed: fa$"):
        run_all(["--quick", "--output", str(tmp_path)], package="measurements")
    assert (tmp_path / "fa").exists()
    assert (tmp_path / "za").exists()
    assert not (tmp_path / "la").exists()
    assert "left out: no-such not installed" in capfd.readouterr().out


# --- Simulating --------------------------------------------------------------------------------


# Without the one that has to be compiled.
SIMULATORS = tuple(e for e in _simulators.ENTRANTS if e.target != "cython")


@pytest.fixture
def interpreted(monkeypatch):
    """Brian2 that compiles nothing."""
    monkeypatch.setitem(load_brian2().prefs, "codegen.target", "numpy")


# Brian2 uses names that pyparsing has deprecated; a plain script just lets it.
plain = pytest.mark.filterwarnings("ignore:.*deprecated.*:DeprecationWarning")


def hide(monkeypatch, *names):
    """Let packages seem not to be installed."""
    there = bench.versions
    monkeypatch.setattr(
        bench, "versions", lambda *of: {**there(*of), **{n: "" for n in of if n in names}}
    )


@plain
@pytest.mark.usefixtures("interpreted")
def test_the_plain_script_is_what_stock_mode_does():
    current = _simulators.currents(50)
    count, interval = _simulators.brian2_script(current)
    stock = simulate(current, duration_ms=100, dt_ms=0.1, mode="stock")
    np.testing.assert_array_equal(count, stock.rate_hz("count"))
    np.testing.assert_allclose(interval, stock.rate_hz("isi"), rtol=1e-9)
    assert 1e-3 < np.max(np.abs(interval / firing_rate(current) - 1)) < 3e-2


def test_rates_of_spikes_in_the_order_of_time():
    rates = _simulators.rates_of(np.array([2, 0, 2, 0, 2, 1]), np.array([1.0, 2, 6, 7, 21, 30]), 4)
    np.testing.assert_array_equal(rates, [200.0, np.nan, 100.0, np.nan])


@pytest.mark.nightly
@pytest.mark.slow
@plain
@pytest.mark.usefixtures("interpreted")
def test_simulators_and_sizes(monkeypatch, tmp_path, capsys):
    hide(monkeypatch, "nest-simulator", "nengo", "snntorch")
    monkeypatch.setattr(bench, "alone", lambda function, *of: function(*of))
    data = simulation.measured(simulation.Plan({40: 2}, (64, 128), 3, SIMULATORS))
    assert set(all_numbers(data)) == set(filter(np.isfinite, all_numbers(data)))
    rows = data["layers"]["40"]
    assert [row["readout"] for row in rows[:3]] == ["interval", "count", "interval"]
    ours, count, interval, *missing = rows
    assert ours["error"] < 1e-12 < 1e-3 < interval["error"] < 3e-2 < count["error"] < 0.2
    assert ours["ratio"] == 1
    assert interval["ratio"] >= count["ratio"] > 0
    assert [row["missing"].split()[0] for row in missing] == [
        "nest-simulator",
        "nengo",
        "snntorch",
    ]
    sizes = data["sizes"]["numpy"]["sizes"]
    assert [row["neurons"] for row in sizes] == [64, 128]
    assert all(row["seconds"] > 0 for row in (*sizes, data["sizes"]["numpy"]["call"]))

    args = bench.arguments(bench.parser(""), ["--output", str(tmp_path)])
    bench.finish(args, simulation.__file__, data, simulation.table, simulation.draw)
    kept = json.loads((tmp_path / "simulation.json").read_text("utf-8"))
    assert kept["layers"] == data["layers"]
    assert set(kept["machine"]) == {"processor", "cores", "system", "python", "bio_scnn"}
    table = simulation.table(kept)
    assert table in capsys.readouterr().out
    assert rows_of(table)[2:8] == [f"{row['name']}, {row['readout']}" for row in rows]
    assert "| NEST iaf_psc_delta_ps, interval | nest-simulator not installed |" in table
    assert {"64", "128", "3"} <= set(rows_of(table))
    assert drawn(simulation.draw(kept))
    assert any("our largest relative rate error" in line for line in simulation.goals(kept))


@plain
@pytest.mark.usefixtures("interpreted")
def test_a_layer_too_large_for_one_is_said():
    few = [e._replace(largest=3) for e in SIMULATORS if e.needs == ("brian2",)]
    entrants = [SIMULATORS[0], *few]
    rows = simulation.contest(4, 1, entrants, dict.fromkeys((e.name for e in entrants), ""))
    assert [row.get("missing") for row in rows] == [None, *["not run beyond 3 neurons"] * 2]


@pytest.mark.nightly
@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the memory is read from Linux's /proc")
def test_memory_grows_with_the_layer():
    small, large = (
        bench.alone(_simulators.cost, "numpy", neurons, 0.0)["bytes"]
        for neurons in (10_000, 200_000)
    )
    assert 190_000 * 32 < large - small  # currents, counts, first and last spikes at least


@pytest.mark.peer
@pytest.mark.parametrize("which", ["NEST", "Nengo"])
def test_peers_that_know_spikes_inside_steps_are_exact(which):
    (entrant,) = (e for e in SIMULATORS if e.name.startswith(which))
    if lacking := bench.missing(*entrant.needs):
        pytest.skip(f"{lacking} not installed")
    # In a process of its own: NEST may crash one that has run other simulators.
    rates = bench.alone(_simulators.rates_of_entrant, entrant.name, 30)
    np.testing.assert_allclose(rates, firing_rate(_simulators.currents(30)), rtol=1e-12)


@pytest.mark.peer
def test_snntorch_has_no_refractory_period():
    pytest.importorskip("snntorch")
    exact_hz = np.array([100.0, 150.0])
    (rates,) = _simulators.snntorch_script(current_for_rate(exact_hz))
    np.testing.assert_allclose(rates, 1 / (1 / exact_hz - 1e-3), atol=15)


# --- Starting ----------------------------------------------------------------------------------


@pytest.mark.nightly
@pytest.mark.slow
def test_start_up(monkeypatch, tmp_path):
    hide(monkeypatch, "snntorch")
    monkeypatch.setattr(start, "COMPILE", "")
    modules = ("bio_scnn", "numpy", "snntorch")
    monkeypatch.setattr(start, "MODULES", {module: module for module in modules})
    write_image(tmp_path / "a.png", photograph(48, 40))
    words = (str(tmp_path / "a.png"), "--mask-kind", "boxes", "--quality", "fast")
    data = start.measured(start.Plan(1, 1, words))
    assert data["imports_brian2"] is False
    imports = data["imports"]
    seconds = {name: imports[name]["seconds"] for name in ("bio_scnn", "numpy")}
    assert min(seconds.values()) > 0
    assert imports["numpy"]["ratio"] == pytest.approx(seconds["numpy"] / seconds["bio_scnn"])
    assert imports["bio_scnn"]["ratio"] == 1
    assert imports["snntorch"] == {"missing": "snntorch"}
    for name in ("empty", "used"):
        demo = data["demo"][name]
        assert 0 < sum(demo["stages"].values()) < demo["seconds"]
    assert json.loads(json.dumps(data)) == data
    assert str(tmp_path) not in json.dumps(data)
    table = start.table(data)
    assert "| `import snntorch` | not installed |" in table
    assert "does not load Brian2" in table
    assert {"empty", "used"} <= set(rows_of(table))
    assert drawn(start.draw(data))
    assert len(start.goals(data)) == 3


# --- The page ----------------------------------------------------------------------------------


def test_the_page_says_what_was_measured():
    text = (ROOT / "docs" / "performance.md").read_text("utf-8")
    assert text == performance.page(performance.read(BENCHMARKS / "results"))
    links = re.findall(r"\]\((\.\./[^)]+)\)", text)
    assert links
    assert all((ROOT / "docs" / link).is_file() for link in links)


def test_what_is_not_worth_a_page_is_refused(tmp_path):
    with pytest.raises(InputError, match="no results there"):
        performance.read(tmp_path)
    (tmp_path / "start.json").write_text('{"quick": true}')
    with pytest.raises(InputError, match="measured with --quick"):
        performance.read(tmp_path)
    (tmp_path / "other.json").write_text('{"quick": false}')
    with pytest.raises(InputError, match="no such script"):
        performance.read(tmp_path)
