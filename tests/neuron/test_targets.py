"""Code generation, batches, interruption, and what Brian2 leaves behind."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from simulations import BAND, NEEDS_COMPILER

from bio_scnn.errors import InputError
from bio_scnn.neuron import _brian2 as codegen
from bio_scnn.neuron import _brian2_cache, simulation
from bio_scnn.neuron._brian2_cache import drop_damaged, record
from bio_scnn.neuron.parameters import TABLE_1
from bio_scnn.neuron.simulation import Request, run, simulate
from bio_scnn.neuron.time_grid import time_grid


def test_networks_are_small_where_numpy_holds_much_of_each_neuron(monkeypatch):
    sizes, original = [], simulation.network.run
    monkeypatch.setattr(
        simulation.network,
        "run",
        lambda target, job, report: (
            sizes.append(job.current.shape[-1]) or original(target, job, report)
        ),
    )
    assert simulation.NUMPY_CHUNK == 2**18 < simulation.CHUNK
    monkeypatch.setattr(simulation, "NUMPY_CHUNK", 64)
    currents = np.linspace(10, 20, 69)
    assert (simulate(currents, duration_ms=10, dt_ms=5, target="numpy").count >= 1).all()
    assert sizes == [64, 5]
    sizes.clear()
    simulate(currents, duration_ms=5, dt_ms=1, target="numpy", noise_std=0.1, seed=1)
    assert sizes == [69]  # whose noise depends on the network


def test_results_do_not_depend_on_batching():
    currents, record = BAND[:300], [299, 3, 150]
    whole = simulate(currents, duration_ms=30, record=record)
    parts = [simulate(currents[start : start + 37], duration_ms=30) for start in range(0, 300, 37)]
    seen = []
    grid = time_grid(30, 1, "exact", TABLE_1)
    request = Request(currents, None, TABLE_1, grid, "exact", 0.0, None, record)
    chunked = run(request, "numpy", seen.append, chunk=64)
    for field in ("count", "first_spike_ms", "last_spike_ms"):
        expected = getattr(whole, field)
        np.testing.assert_array_equal(
            np.concatenate([getattr(part, field) for part in parts]), expected
        )
        np.testing.assert_array_equal(getattr(chunked, field), expected)
    np.testing.assert_array_equal(chunked.membrane, whole.membrane)
    for one, two in zip(chunked.spike_trains_ms, whole.spike_trains_ms, strict=True):
        np.testing.assert_array_equal(one, two)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_single_precision_currents_are_taken_as_they_are():
    single = BAND[:100].astype(np.float32)
    one = simulate(single, duration_ms=50)
    two = simulate(single.astype(float), duration_ms=50)
    np.testing.assert_array_equal(one.last_spike_ms, two.last_spike_ms)


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="Ctrl-C is ignored, as under nohup"
)
def test_ctrl_c_propagates_and_the_next_run_is_whole():
    def interrupt(done):
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        simulate(BAND, duration_ms=2000, dt_ms=0.1, target="numpy", progress=interrupt)
    assert simulate(BAND[:1], duration_ms=25).count[0] == 2


@pytest.mark.slow
def test_ctrl_c_stays_ignored():
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from bio_scnn import current_for_rate, simulate\n"
        "done = simulate(current_for_rate([150.0]), duration_ms=25, target='numpy', "
        "progress=lambda done: signal.raise_signal(signal.SIGINT))\n"
        "assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN\n"
        "print(done.count[0])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == 3  # after 6.67, 13.33 and 20 ms


def test_brian2_settings_are_restored():
    brian2 = codegen.load_brian2()
    names = [
        "codegen.target",
        "codegen.runtime.cython.cache_dir",
        "codegen.cpp.extra_compile_args_gcc",
        "core.stop_on_keyboard_interrupt",
    ]
    before = [brian2.prefs[name] for name in names]
    simulate(BAND[:1], duration_ms=25)
    assert [brian2.prefs[name] for name in names] == before
    assert brian2.defaultclock.dt / brian2.ms == pytest.approx(0.1)


def test_brian2_is_imported_late_and_leaves_no_log(tmp_path):
    script = (
        "import sys, bio_scnn.neuron.simulation, bio_scnn\n"
        "assert 'brian2' not in sys.modules\n"
        "hook = sys.excepthook\n"
        "assert bio_scnn.neuron.simulation.simulate([10.0], duration_ms=25).count[0] == 2\n"
        "assert sys.excepthook is hook\n"
        "import os; os._exit(0)\n"  # no exit handler may be needed to clean up
    )
    subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        timeout=120,
    )
    assert list(tmp_path.iterdir()) == []


# --- code generation ----------------------------------------------------------------------------


def test_auto_starts_on_numpy(monkeypatch, tmp_path):
    monkeypatch.setenv("BIO_SCNN_CACHE", str(tmp_path))
    assert simulate(BAND, duration_ms=25).target == "numpy"
    assert list(tmp_path.iterdir()) == []


@NEEDS_COMPILER
@pytest.mark.slow
def test_cython_compiles_once_and_auto_then_uses_it(tmp_path):
    script = (
        "import sys, bio_scnn.neuron._brian2, bio_scnn.neuron.simulation\n"
        "bio_scnn.neuron._brian2.WORK_WORTH_LOADING = 100\n"
        "r = bio_scnn.neuron.simulation.simulate([10.0] * 9, duration_ms=25, target=sys.argv[1])\n"
        "assert r.count.tolist() == [2] * 9\n"
        "print(r.target)\n"
    )

    def run(target):
        command = [sys.executable, "-c", script, target]
        environment = {**os.environ, "BIO_SCNN_CACHE": str(tmp_path)}
        done = subprocess.run(
            command, check=True, env=environment, timeout=300, capture_output=True, text=True
        )
        return done.stdout.strip(), sorted(tmp_path.rglob("*.so"))

    assert run("auto") == ("numpy", [])
    target, compiled = run("cython")
    assert target == "cython"
    assert len(compiled) >= 5
    digests = {path.with_suffix("") for path in tmp_path.rglob("*.sha256")}
    assert digests == set(compiled), "damage to a module would not be noticed"
    assert run("auto") == ("cython", compiled), "compiled again, or not found"


def test_no_compiler_is_one_line_or_a_warning(monkeypatch, tmp_path):
    monkeypatch.setenv("BIO_SCNN_CACHE", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(InputError, match="'no-such-compiler' is not on the path") as error:
        simulate(BAND[:3], duration_ms=25, target="cython")
    assert "\n" not in str(error.value)
    monkeypatch.setattr(codegen, "WORK_WORTH_COMPILING", 1)
    with pytest.warns(RuntimeWarning, match="running slower on numpy"):
        assert simulate(BAND[:3], duration_ms=25).target == "numpy"


def test_unwritable_cache_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BIO_SCNN_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("CC", sys.executable)
    with pytest.raises(InputError, match="BIO_SCNN_CACHE names another"):
        simulate(BAND[:3], duration_ms=25, target="cython")


def test_brian2_is_loaded_off_the_main_thread_and_leaves_signals_alone():
    """Brian2 loaded by two threads at once, as in a worker of a cluster."""
    script = (
        "import signal, threading, bio_scnn.neuron.simulation\n"
        "install, handler = signal.signal, signal.getsignal(signal.SIGINT)\n"
        "def work():\n"
        "    bio_scnn.neuron._brian2.load_brian2()\n"
        "    print(bio_scnn.neuron.simulation.simulate([10.0], duration_ms=25).count[0])\n"
        "load = bio_scnn.neuron._brian2.load_brian2\n"
        "threads = [threading.Thread(target=load) for _ in range(3)]\n"
        "threads.append(threading.Thread(target=work))\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "assert signal.signal is install and signal.getsignal(signal.SIGINT) is handler\n"
        "print(bio_scnn.neuron.simulation.simulate([10.0], duration_ms=25).count[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, timeout=120, capture_output=True, text=True
    )
    assert done.stdout.split() == ["2", "2"]
    assert done.stderr == ""


@pytest.mark.slow
def test_brian2_is_loaded_beside_other_work():
    script = (
        "import sys, threading, bio_scnn.neuron._brian2 as codegen\n"
        "codegen.load_brian2_meanwhile()\n"
        "assert threading.active_count() == 2\n"
        "for thread in threading.enumerate()[1:]: thread.join()\n"
        "assert 'brian2' in sys.modules\n"
        "codegen.load_brian2_meanwhile()\n"
        "assert threading.active_count() == 1\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)


def test_what_keeps_brian2_from_loading_is_left_to_who_needs_it(tmp_path):
    (tmp_path / "brian2.py").write_text("raise ImportError('out of order')")
    script = (
        "import sys, threading, bio_scnn.neuron._brian2 as codegen\n"
        "codegen.load_brian2_meanwhile()\n"
        "for thread in threading.enumerate()[1:]: thread.join()\n"
        "try: codegen.load_brian2()\n"
        "except ImportError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, timeout=120, capture_output=True, text=True,
        cwd=tmp_path,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == ("out of order", "")


def test_a_damaged_module_is_dropped_before_it_is_loaded(tmp_path):
    """A module cut off or with a flipped bit may end the process that loads it."""
    modules = [tmp_path / f"_cython_magic_{n}.cpython-311.so" for n in range(4)]
    for path in modules:
        path.write_bytes(path.name.encode() * 99)
    record(tmp_path)
    modules[0].write_bytes(modules[0].read_bytes()[:50])
    modules[1].write_bytes(b"x" + modules[1].read_bytes()[1:])
    modules[2].with_name(f"{modules[2].name}.sha256").write_text("no digest")
    new = tmp_path / "_cython_magic_new.cpython-311.so"  # is being built by another process
    new.write_bytes(b"half")
    drop_damaged(tmp_path)
    assert sorted(tmp_path.glob("*.so")) == [modules[3], new]
    assert [path.name for path in tmp_path.glob("*.sha256")] == [f"{modules[3].name}.sha256"]


def test_what_brian2_remembers_has_a_bound(monkeypatch):
    """It keeps what belongs to a number of neurons, of which a process may have thousands."""
    codegen.load_brian2()
    from brian2.codegen.translation import make_statements
    from brian2.stateupdaters.base import StateUpdateMethod

    monkeypatch.setattr(_brian2_cache, "MOST_STATEMENTS", 12)
    monkeypatch.setattr(_brian2_cache, "MOST_EQUATIONS", 2)
    caches = make_statements._cache, StateUpdateMethod.apply_stateupdater._cache
    for neurons in (3, 5, 6):
        simulate(BAND[:neurons], duration_ms=5, target="numpy")
        assert 0 < len(caches[0]) <= 12
        assert 0 < len(caches[1]) <= 2
    newest = [list(cache)[-1] for cache in caches]
    simulate(BAND[:6], duration_ms=5, target="numpy")
    for cache, one in zip(caches, newest, strict=True):
        assert one in cache, "the newest must stay: the next simulation is often alike"


def test_a_wrong_canary_is_not_trusted(monkeypatch):
    def wrong(target):
        return "a small simulation gave the spike counts [0, 0, 0]" if target == "cython" else None

    monkeypatch.setattr(codegen, "why_no_cython", lambda: None)
    with pytest.raises(InputError, match="spike counts"):
        codegen.working_target("cython", 1, "model", wrong)
    with pytest.warns(RuntimeWarning, match="spike counts"):
        assert codegen.working_target("auto", 10**12, "model", wrong) == "numpy"


@pytest.mark.slow
def test_brian2_loads_after_an_import_that_failed():
    # Some frameworks try to import Brian2 and do without; warnings as errors make it fail halfway.
    code = """
import sys, warnings
with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
        import brian2
    except Warning:
        assert "brian2.core" in sys.modules
from bio_scnn import simulate
print(simulate([20.0], duration_ms=25).count)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[4]", done.stderr
