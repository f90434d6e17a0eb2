"""A cluster of real processes: its workers come, go and die, and nothing is lost."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import place_tasks as tasks
import pytest
from dask_processes import scheduler, workers

from bio_scnn import InputError, __version__
from bio_scnn.runtime.places import open_place
from bio_scnn.runtime.tasks import Failure

pytest.importorskip("distributed")


@pytest.mark.slow
def test_only_the_task_that_ends_every_worker_is_given_up(address):
    # Workers hold others beside it, on which Dask blames their deaths too.
    with open_place(scheduler=address) as cluster:
        found = dict(cluster.each(tasks.deadly, range(12), 2))
    assert found.pop(2) == Failure("several workers died of it, as for lack of memory")
    assert found == {n: n**2 for n in range(12) if n != 2}


def test_items_are_asked_for_when_they_are_needed(address):
    asked = []

    def items():
        for number in range(100):
            asked.append(number)
            yield number

    with open_place(scheduler=address) as cluster:
        results = cluster.each(tasks.sometimes, items(), -9)
        next(results)
        assert len(asked) < 20  # which is what a cluster's memory depends on
        assert len(list(results)) == 99


def test_a_killed_worker_costs_only_time(address, tmp_path):
    with open_place(scheduler=address) as cluster:
        results = cluster.each(tasks.noted, range(12), tmp_path, 0.4)
        found = dict([next(results)])
        number, pid, _ = sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)[
            -1
        ].name.split("-")
        os.kill(int(pid), signal.SIGKILL)
        found |= dict(results)
    assert found == {n: n**2 for n in range(12)}
    begun = [path.name.split("-")[:2] for path in tmp_path.iterdir()]
    by = {who for what, who in begun if what == number}
    assert len(by) >= 2, "it was not begun again elsewhere"
    assert pid in by


@pytest.mark.nightly
@pytest.mark.slow
def test_workers_may_come_late(tmp_path):
    (notes := tmp_path / "notes").mkdir()
    with (
        scheduler(tmp_path) as address,
        workers(address, tmp_path, number=1),
        open_place(scheduler=address) as cluster,
    ):
        results = cluster.each(tasks.noted, range(30), notes, 0.3)
        found = dict([next(results)])
        with workers(address, tmp_path, number=1):
            found |= dict(results)
    assert found == {n: n**2 for n in range(30)}
    assert len({path.name.split("-")[1] for path in notes.iterdir()}) == 2


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense", "tcp://", "127.0.0.1:x"])
def test_a_bad_address_is_one_line(address):
    with (
        pytest.raises(InputError, match="no Dask scheduler answers at") as error,
        open_place(scheduler=address, patience_s=0.5),
    ):
        pass
    assert "\n" not in str(error.value)


def test_a_scheduler_without_workers(tmp_path):
    with scheduler(tmp_path) as address:
        message = f"{address} has no worker; start some: dask worker"
        with pytest.raises(InputError, match=message), open_place(scheduler=address, patience_s=1):
            pass


def test_a_scheduler_that_dies(tmp_path, capfd):
    with (
        scheduler(tmp_path) as address,
        workers(address, tmp_path, number=1),
        open_place(scheduler=address) as cluster,
    ):
        cluster = replace(cluster, patience_s=3)
        pid = cluster.client.run_on_scheduler(os.getpid)
        results = cluster.each(tasks.noted, range(20), tmp_path, 0.2)
        next(results)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(InputError, match=f"the scheduler {address} was lost"):
            list(results)
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.sweep(3)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("threads", "line", "message"),
    [
        (2, "", "runs 2 tasks in one process, and Brian2 one only"),
        (
            1,
            "from bio_scnn import _version; _version.__version__ = '0.0.7'",
            f"has bio_scnn 0.0.7, not {__version__} as here",
        ),
        (
            1,
            "import sys; sys.modules['bio_scnn'] = None",
            f"has no bio_scnn, not {__version__} as here",
        ),
    ],
)
def test_unfit_workers_are_refused(tmp_path, threads, line, message):
    preload = tmp_path / "preload.py"
    preload.write_text(line)
    words = ("--preload", str(preload))
    with (
        scheduler(tmp_path) as address,
        workers(address, tmp_path, *words, number=1, threads=threads),
        pytest.raises(InputError, match=message),
        open_place(scheduler=address, patience_s=60),
    ):
        pass


@pytest.mark.slow
def test_an_unfit_worker_that_joins_late_spoils_nothing(tmp_path, capsys):
    preload = tmp_path / "preload.py"
    preload.write_text("from bio_scnn import _version; _version.__version__ = '0.0.7'")
    with (
        scheduler(tmp_path) as address,
        workers(address, tmp_path, number=1),
        open_place(scheduler=address) as cluster,
        workers(address, tmp_path, "--preload", str(preload), number=1),
    ):
        cluster.client.wait_for_workers(2, timeout=20)
        found = dict(cluster.each(tasks.noted, range(20), tmp_path, 0.1))
    assert found == {n: n**2 for n in range(20)}
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"has bio_scnn 0.0.7, not {__version__} as here" in told


def test_distributed_is_loaded_only_when_it_is_used():
    code = "import sys, bio_scnn.run_inpaint, bio_scnn.train, bio_scnn.validate; "
    code += "print({'distributed', 'dask'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
