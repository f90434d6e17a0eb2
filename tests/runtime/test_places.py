"""Tasks here and on a cluster: the same results, and one that fails takes no other with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import place_tasks as tasks
import pytest
from nir_graphs import lif, neuron, table
from threadpoolctl import threadpool_limits
from waiting import alive, wait_for

from bio_scnn import InputError, validate
from bio_scnn.nir import build_graph, run
from bio_scnn.nir.many import run_many
from bio_scnn.runtime.places import Here, open_place
from bio_scnn.runtime.processes import threads
from bio_scnn.runtime.tasks import Failure

pytest.importorskip("distributed")


@pytest.fixture(params=["one after the other", "two processes", "cluster"])
def where(request):
    if request.param == "cluster":
        with open_place(scheduler=request.getfixturevalue("address")) as cluster:
            yield cluster
    else:
        yield Here(1 if request.param == "one after the other" else 2)


def test_each_item_has_its_result(where):
    found = dict(where.each(tasks.product, range(7), 150))
    assert sorted(found) == list(range(7))
    with threadpool_limits(1, user_api="blas"):
        for seed, result in found.items():
            np.testing.assert_array_equal(result, tasks.product(seed, 150))


def test_one_failure_does_not_stop_the_others(where):
    found = dict(where.each(tasks.sometimes, range(9), 3))
    assert found.pop(3) == Failure("this one is bad")
    assert found.pop(4) == Failure("KeyError: 'and this'")
    assert found == {n: n**2 for n in (0, 1, 2, 5, 6, 7, 8)}


def test_nothing_to_do(where):
    assert list(where.each(tasks.sometimes, [], 0)) == []


def test_a_task_that_ends_its_process_costs_only_itself():
    found = dict(Here(2).each(tasks.deadly, range(20), 5))
    assert found.pop(5) == Failure("its process was ended, as by a lack of memory")
    assert found == {n: n**2 for n in range(20) if n != 5}


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    assert dict(Here(1).each(tasks.threads_of, range(2))) == {0: 5, 1: 5}
    assert dict(Here(2).each(tasks.threads_of, range(4))) == dict.fromkeys(range(4), 2)
    for said in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", said)
        assert 1 <= threads() <= os.cpu_count()
    monkeypatch.setenv("OMP_NUM_THREADS", "3,1")  # for nested loops, as OpenMP has it
    assert threads() == 3


@pytest.mark.skipif(os.name != "posix", reason="signals and process groups are POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_no_process_outlives_the_command(tmp_path, number, code):
    (notes := tmp_path / "notes").mkdir()
    script = (
        "import pathlib, place_tasks\n"
        "from bio_scnn.commands.options import run\n"
        "from bio_scnn.runtime.places import Here\n"
        f"each = Here(2).each(place_tasks.noted, range(9), pathlib.Path({str(notes)!r}), 60)\n"
        "run(lambda: list(each))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent / "support")},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    wait_for(lambda: len(list(notes.iterdir())) == 2)
    pids = [path.name.split("-")[1] for path in notes.iterdir()]
    assert all(map(alive, pids))
    if number == signal.SIGINT:  # a terminal sends it to all of them
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    _, told = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in told
    if number == signal.SIGINT:
        assert told == "interrupted\n"
    wait_for(lambda: not any(map(alive, pids)))


def network():
    """Weights, LIF neurons, weights back to IF neurons that may never end."""
    nodes = {
        "w": {"type": "Linear", "weight": np.arange(6.0).reshape(3, 2)},
        "n": lif(3, tau=0.004),
        "end": neuron("IF", 3, r=100.0, v_threshold=1.0),
    }
    edges = [("input", "w"), ("w", "n"), ("n", "end"), ("end", "output")]
    return build_graph(table(nodes, edges, (2,), (3,)))


def test_networks_run_alike_anywhere(address):
    """Exact times bit for bit; an input of another shape is refused in its own place."""
    graph, rng = network(), np.random.default_rng(0)
    batch = [(rng.random((50, 2)) < 0.3).astype(float) for _ in range(3)]
    batch.insert(1, np.ones((50, 3)))
    places = ({}, {"jobs": 2}, {"scheduler": address})
    for how, where in (({"spike_area_s": 2e-3}, places), ({"dialect": "euler"}, places[2:])):
        wanted = [run(graph, x, dt_ms=1.0, **how) for x in batch[:1] + batch[2:]]
        assert min(one.counts["n"] for one in wanted) > 10
        for place in where:
            found = run_many(graph, batch, dt_ms=1.0, **how, **place)
            assert "must have shape" in found.pop(1).reason
            for a, b in zip(found, wanted, strict=True):
                np.testing.assert_array_equal(a.spikes["end"], b.spikes["end"])
                for name, times in b.times_ms.items():
                    np.testing.assert_array_equal(a.times_ms[name], times)


def test_many_inputs_on_the_command_line(tmp_path, capsys):
    graph = Path(__file__).parents[1] / "nir" / "recurrent.nir"
    batch = (np.random.default_rng(0).random((3, 60, 2)) < 0.5) * 40.0
    np.save(tmp_path / "x.npy", batch)
    command = ["--graph", str(graph), "--input", str(tmp_path / "x.npy")]
    validate.main(command)
    told = capsys.readouterr().out
    assert "3 inputs of 60 steps" in told
    counts = [run(graph, x, dialect="euler", dt_ms=0.1).counts["sub.lif"] for x in batch]
    assert max(counts) > 0
    assert f"sub.lif: {np.mean(counts):,.1f} on average, {min(counts)} to {max(counts)}" in told
    with pytest.raises(InputError, match="take one input, not many"):
        validate.main([*command, "--against", "norse"])
