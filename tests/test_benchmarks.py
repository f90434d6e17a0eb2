"""The benchmarks: what they count, what they refuse, and that they run."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from bio_scnn.cnn import ConvLayer
from bio_scnn.errors import InputError
from bio_scnn.model import Architecture

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
SCRIPT = BENCHMARKS / "race_pytorch.py"


@pytest.fixture(scope="module")
def script(scripts):
    return scripts("race_pytorch")


def test_operations_are_those_counted_by_hand(script):
    layers = (
        ConvLayer(6, kernel=4, stride=2),
        ConvLayer(20, upsample=2),
        ConvLayer(12, kernel=1, relu=False, see_rates=True, upsample=2),
    )
    architecture = Architecture(fills=("harmonic",), channels=5, layers=layers)
    # An image of 8 x 8 folds to 4 x 4 pixels of 16 channels.
    expected = [
        2 * (4 * 4) * (3 * 3 * 16) * 5,
        2 * (2 * 2) * (4 * 4 * 5) * 6,
        2 * (2 * 2) * (3 * 3 * 6) * 20,
        2 * (4 * 4) * (1 * 1 * 10) * 12,
    ]
    assert script.layer_flops(architecture, 8) == expected
    first, rest = expected[0], sum(expected[1:])
    tasks = script.task_flops(architecture, 8, 3)
    assert tasks == {"forward": 3 * (first + rest), "step": 3 * (2 * first + 3 * rest)}


def test_medians_ratios_and_rates(script):
    ours, theirs = np.array([1.0, 2, 4]), np.array([3.0, 2, 8])
    seconds = {name: dict.fromkeys(script.TASKS, theirs) for name in script.RUNNERS}
    seconds[script.OURS] = dict.fromkeys(script.TASKS, ours)
    seconds["product"] = {"product": np.array([0.5, 0.5, 9])}
    summary = script.summarise(seconds, {"forward": 6, "step": 18}, 4.0)
    row = summary["tasks"]["step"][script.DEFAULT]
    assert row["median_ms"] == 3000
    assert row["ratio"] == 2  # of 3, 1 and 2
    assert row["gflops"] == pytest.approx(6e-9)
    assert summary["tasks"]["forward"][script.OURS]["of_product"] == pytest.approx(3 / 8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--patch", "100"], "--patch is 100; it must be a multiple of 8"),
        (["--batch", "0"], "--batch is 0; it must be at least 1"),
        (["--threads", "0"], "--threads is 0; it must be at least 1"),
    ],
)
def test_bad_options_are_refused(script, arguments, message):
    with pytest.raises(InputError, match=message):
        script.parse(arguments)


def test_without_pytorch_there_is_one_line():
    hide = f"""
import importlib.metadata as metadata, runpy, sys
there = metadata.version
def version(name):
    if name == "torch":
        raise metadata.PackageNotFoundError(name)
    return there(name)
metadata.version = version
sys.path.insert(0, {str(BENCHMARKS)!r})
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", hide, str(SCRIPT), "--quick"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: others")]
    assert lines == ["error: the race needs PyTorch, not installed here: pip install torch"]


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is meant")
def test_freed_memory_is_kept():
    """A process that lets go of 100 MB over and over faults only the first time."""
    code = """
import resource, sys
import numpy as np
from bio_scnn.memory import keep_freed_memory
if sys.argv[1] == "yes" and not keep_freed_memory():
    sys.exit("not glibc")
def use():
    for array in [np.ones(750_000, np.float32) for _ in range(32)]:
        array += 1
use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = {}
    for wanted in ("no", "yes"):
        done = subprocess.run(
            [sys.executable, "-c", code, wanted], capture_output=True, text=True, check=False
        )
        if "not glibc" in done.stderr:
            pytest.skip("the C library is not glibc")
        faults[wanted] = int(done.stdout)
    if faults["no"] < 1000:
        pytest.skip("huge pages: so few faults that there is nothing to save")
    assert faults["yes"] < 100


@pytest.mark.peer
def test_operations_are_those_pytorch_counts(script):
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    from bio_scnn.model import network_input
    from bio_scnn.torch_model import to_torch

    model, batch = script.make_case(32, 2)
    x = torch.tensor(network_input(model.architecture, batch.fill, batch.mask)).movedim(-1, 1)
    network = to_torch(model)
    expected = script.task_flops(model.architecture, 32, 2)
    with FlopCounterMode(display=False) as counter:
        y = network(x)
    assert counter.get_total_flops() == expected["forward"]
    with FlopCounterMode(display=False) as counter:
        y = network(x)
        y.sum().backward()
    assert counter.get_total_flops() == expected["step"]


@pytest.mark.peer
def test_networks_that_differ_are_not_raced(script, monkeypatch):
    pytest.importorskip("torch")
    model, batch = script.make_case(32, 2)
    right = script.torch_runner

    def wrong(model, *rest):
        moved = model.params | {"conv2.bias": model.params["conv2.bias"] + 1e-3}
        return right(script.HybridSCNN(model.architecture, moved), *rest)

    with script.ThreadPoolExecutor(2) as pool:
        found = script.check(model, batch, pool, 2)
        assert set(found) == {"float32", "float64"}
        monkeypatch.setattr(script, "torch_runner", wrong)
        with pytest.raises(InputError, match="PyTorch and bio_scnn differ in float64"):
            script.check(model, batch, pool, 2)


@pytest.mark.peer
def test_quick_race(script, tmp_path):
    pytest.importorskip("torch")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--quick", "--threads", "1", "--output", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "channels last" in done.stdout
    result = json.loads((tmp_path / "race_pytorch.json").read_text("utf-8"))
    for rows in result["threads"]["1"]["tasks"].values():
        assert len(rows) == 3
        assert all(row["ratio"] > 0 and row["gflops"] > 0 for row in rows.values())
    assert set(result["threads"]["1"]["memory_bytes"]) == set(script.RUNNERS)
    assert "</svg>" in (tmp_path / "race_pytorch.svg").read_text("utf-8")
