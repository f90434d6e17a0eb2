"""Programs as implementations: a real one in C, and small ones that do everything wrong."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bio_scnn import TABLE_1, LIFParameters, current_for_rate
from bio_scnn.crossval.adapters.program import CommandAdapter
from bio_scnn.crossval.protocol import CannotRepresent, Capabilities
from bio_scnn.crossval.subject import Subject
from bio_scnn.crossval.suite import check_lif
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import first_spike_ms, membrane

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "docs" / "examples" / "lif.c"
STEPS, NEURONS, DT = 20, 3, 0.1


@pytest.fixture(scope="session")
def lif(tmp_path_factory):
    """The C example, compiled."""
    compiler = shutil.which("cc")
    if compiler is None or not EXAMPLE.exists():
        pytest.skip("no C compiler, or no example")
    program = tmp_path_factory.mktemp("a folder with spaces") / "lif"
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror"]
    command = [compiler, *flags, "-o", str(program), str(EXAMPLE), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def program(folder: Path, body: str, more: str = "") -> str:
    """A command that runs Python code; `out` is its directory."""
    script = folder / "program.py"
    script.write_text(f"import json, os, sys\nout = sys.argv[1] + os.sep\n{body}\n")
    return f"{shlex.quote(sys.executable)} -S -E {shlex.quote(str(script))} {{dir}} {more}"


def writes(folder: Path, **files: str) -> str:
    """A command that writes texts, underscores in their names being dots."""
    return program(
        folder,
        f"for name, text in {files!r}.items():\n"
        "    open(out + name.replace('_', '.'), 'w').write(text)",
    )


def copies(folder: Path, raster: np.ndarray) -> str:
    """A command that answers with a raster."""
    path = folder / "raster.npy"
    np.save(path, raster, allow_pickle=True)
    return program(
        folder, f"open(out + 'spikes.npy', 'wb').write(open({str(path)!r}, 'rb').read())"
    )


def run(command: str, **options: object):
    options.setdefault("capabilities", Capabilities())
    return Subject(CommandAdapter(command, **options)).run(np.full((STEPS, NEURONS), 9.0))


# --- a program in C -------------------------------------------------------------------------


@pytest.mark.parametrize("dt_ms", [0.1, 1.0])
def test_c_program_fires_as_often_as_the_grid_allows(lif, dt_ms):
    rates = np.array([97.0, 123.0, 151.0, 187.0])
    current = current_for_rate(rates)
    adapter = CommandAdapter(f"{shlex.quote(str(lif))} {{dir}}")
    trace = Subject(adapter, dt_ms).run(np.tile(current, (round(300 / dt_ms), 1)))
    # Closed form: the first crossing, rounded up to the grid, and t_ref.
    latency = dt_ms * np.ceil(first_spike_ms(current) / dt_ms)
    for train, first in zip(trace.spike_times_ms, latency, strict=True):
        assert len(train) > 20
        assert train[0] == pytest.approx(first, abs=1e-9)
        np.testing.assert_allclose(np.diff(train), first + TABLE_1.t_ref_ms, atol=1e-9)
    before = round(latency.min() / dt_ms) - 1
    t = np.arange(1, before + 1)[:, np.newaxis] * dt_ms
    np.testing.assert_allclose(trace.membrane[:before], membrane(t, current), atol=1e-13)


def test_c_program_passes_every_check(lif):
    report = check_lif(CommandAdapter(f"{shlex.quote(str(lif))} {{dir}}"), on_fail=None)
    assert report.ok, [r for r in report.results if r.status not in ("passed", "skipped")]
    assert report.count("passed") > 20
    by_name = {r.check: r for r in report.results}
    assert by_name["state_reset"].status == "skipped"
    assert "new process" in by_name["state_reset"].reason


def test_c_program_with_a_wrong_refractory_period_fails(lif, tmp_path):
    text = EXAMPLE.read_text("utf-8")
    broken = text.replace("held[i] = held_steps;", "held[i] = held_steps - 1;")
    assert broken != text
    (tmp_path / "lif.c").write_text(broken, "utf-8")
    wrong = tmp_path / "lif"
    subprocess.run(["cc", "-o", wrong, tmp_path / "lif.c", "-lm"], check=True)
    checks = ["refractory_period"]
    good, bad = (
        check_lif(CommandAdapter(f"{shlex.quote(str(p))} {{dir}}"), checks=checks, on_fail=None)
        for p in (lif, wrong)
    )
    assert good.ok
    assert not bad.ok


def test_c_program_says_what_it_cannot_do(lif):
    adapter = CommandAdapter(f"{shlex.quote(str(lif))} {{dir}}", name="C")
    assert adapter.capabilities == Capabilities()
    with pytest.raises(CannotRepresent, match=r"refractory period of 0\.25 ms"):
        Subject(adapter, 0.1, LIFParameters(t_ref_ms=0.25)).run(np.zeros((5, 2)))


# --- what a program is given, and what it may say --------------------------------------------


def test_question_and_answer(tmp_path):
    # A program that looks at every file and answers with what it saw.
    body = """
setup = json.load(open(out + 'setup.json'))
rows = open(sys.argv[2]).read().splitlines()
raw = open(out + 'current.npy', 'rb').read()
with open(out + 'spikes.csv', 'w') as file:
    file.write('neuron,time_ms\\r\\n1,0.5\\r\\n0,1.5\\r\\n0,0.5\\r\\n')
with open(out + 'membrane.csv', 'w') as file:
    file.write('\\n'.join(','.join(['0.25'] * setup['neurons']) for _ in rows))
json.dump([setup, rows, raw.hex()], open(sys.argv[3], 'w'))
"""
    seen = tmp_path / "seen file.json"
    command = program(tmp_path, body, f"{{csv}} {shlex.quote(str(seen))}")
    adapter = CommandAdapter(command, capabilities=Capabilities(own_noise=True))
    params = LIFParameters(V_reset=-0.5, t_ref_ms=2.0)
    current = np.random.default_rng(0).normal(9, 3, (STEPS, NEURONS))
    trace = Subject(adapter, 0.25, params).run(current, seed=5, noise_std=0.1)
    assert [t.tolist() for t in trace.spike_times_ms] == [[0.5, 1.5], [0.5], []]
    np.testing.assert_array_equal(trace.membrane, np.full((STEPS, NEURONS), 0.25))

    setup, rows, raw = json.loads(seen.read_text())
    assert (setup["format"], setup["version"]) == ("bio_scnn exchange", 1)
    assert (setup["steps"], setup["neurons"]) == (STEPS, NEURONS)
    assert (setup["tau_ms"], setup["tau_s"], setup["C_s"], setup["R"]) == (40.0, 0.04, 0.08, 0.5)
    assert (setup["dt_ms"], setup["dt_s"]) == (0.25, 0.00025)
    assert (setup["t_ref_ms"], setup["t_ref_s"]) == (2.0, 0.002)
    assert (setup["V_th"], setup["V_reset"]) == (1.0, -0.5)
    assert (setup["seed"], setup["noise_std"], setup["dtype"]) == (5, 0.1, "float64")
    assert all(not isinstance(value, dict | list) for value in setup.values())
    np.testing.assert_array_equal([[float(x) for x in row.split(",")] for row in rows], current)
    data = bytes.fromhex(raw)
    assert data[:8] == b"\x93NUMPY\x01\x00"
    length = int.from_bytes(data[8:10], "little")
    found = np.frombuffer(data[10 + length :], "<f8").reshape(STEPS, NEURONS)
    np.testing.assert_array_equal(found, current)


def test_csv_is_written_only_on_request(tmp_path):
    body = "assert not os.path.exists(out + 'current.csv')\n"
    body += "open(out + 'spikes.csv', 'w').write('neuron,time_ms\\n')"
    trace = run(program(tmp_path, body))
    assert [len(t) for t in trace.spike_times_ms] == [0] * NEURONS


@pytest.mark.parametrize("dtype", ["bool", "uint8", "float32", ">i4"])
@pytest.mark.parametrize("label", ["start", "end"])
def test_raster(tmp_path, dtype, label):
    raster = np.zeros((STEPS, NEURONS), dtype)
    raster[4, 1] = 1
    trace = run(
        copies(tmp_path, np.asfortranarray(raster)), capabilities=Capabilities(spike_label=label)
    )
    expected = [0.5] if label == "end" else [0.4]
    assert [t.tolist() for t in trace.spike_times_ms] == [[], pytest.approx(expected), []]


def test_a_program_may_declare_what_it_is(tmp_path):
    declared = {"refractory": "none", "integrator": "forward Euler", "dtypes": ["float32"]}
    command = writes(tmp_path, capabilities_json=json.dumps(declared))
    adapter = CommandAdapter(command)
    expected = Capabilities("none", integrator="forward Euler", dtypes=("float32",))
    assert adapter.capabilities == expected
    (tmp_path / "file.json").write_text(json.dumps(declared))
    assert CommandAdapter(command, capabilities=tmp_path / "file.json").capabilities == expected
    silent = CommandAdapter(writes(tmp_path, spikes_csv="neuron,time_ms\n"))
    assert silent.capabilities == Capabilities(membrane="none")


def test_name_time_step_and_reset(tmp_path):
    command = writes(tmp_path, spikes_csv="neuron,time_ms\n")
    adapter = CommandAdapter(command, fixed_dt_ms=0.5)
    assert adapter.name.endswith("program.py")
    assert CommandAdapter(command, name="mine").name == "mine"
    assert adapter.cannot == ("a time step other than 0.5 ms",)
    with pytest.raises(CannotRepresent, match=r"0\.5 ms, not 0\.1 ms"):
        Subject(adapter, 0.5).run(np.zeros((2, 1)), dt_ms=0.1)
    with pytest.raises(InputError, match=r"time step of 0\.5 ms, but shall be checked at 0\.1"):
        Subject(adapter, 0.1)
    Subject(adapter, 0.5).run(np.zeros((2, 1)))
    with pytest.raises(CannotRepresent, match="every run is a new process"):
        adapter.reset()


def test_cannot(tmp_path):
    with pytest.raises(CannotRepresent, match="no negative currents"):
        run(writes(tmp_path, cannot_txt="no negative\n currents"))
    assert CommandAdapter(writes(tmp_path, cannot_txt="")).capabilities == Capabilities()


# --- what can go wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, r"wrote neither spikes\.npy nor spikes\.csv"),
        ({"spikes_npy": "", "spikes_csv": ""}, r"both spikes\.npy and spikes\.csv"),
        ({"spikes_csv": ""}, "begins with 'nothing'"),
        ({"spikes_csv": "time_ms,neuron\n"}, "begins with 'time_ms,neuron'"),
        ({"spikes_csv": "neuron,time_ms\n0,1\n3,1\n"}, "line 3: neuron 3; indices go from 0 to 2"),
        ({"spikes_csv": "neuron,time_ms\n-1,1\n"}, "line 2: neuron -1"),
        (
            {"spikes_csv": "neuron,time_ms\n0,nan\n"},
            r"line 2: a spike at nan ms; the run has 2 ms",
        ),
        ({"spikes_csv": "neuron,time_ms\n0,2.3\n"}, r"a spike at 2\.3 ms; the run has 2 ms"),
        ({"spikes_csv": "neuron,time_ms\n0;1\n"}, "line 2: '0;1' is not an index and a time"),
        ({"spikes_csv": "neuron,time_ms\n0.5,1\n"}, "is not an index and a time"),
        ({"spikes_npy": "nonsense"}, r"spikes\.npy is no array of numbers that can be read"),
        (
            {"spikes_csv": "neuron,time_ms\n", "membrane_csv": "1,2\n3\n"},
            r"membrane\.csv is no array of numbers",
        ),
        (
            {"spikes_csv": "neuron,time_ms\n", "membrane_csv": "1,2\n"},
            r"membrane\.csv has shape \(1, 2\): V must have \(steps, neurons\) = \(20, 3\)",
        ),
    ],
)
def test_malformed_answers(tmp_path, files, message):
    with pytest.raises(InputError, match=message) as caught:
        run(writes(tmp_path, **files))
    assert "program.py: " in str(caught.value)  # says whose answer it is
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((NEURONS, STEPS)), r"has shape \(3, 20\)"),
        (np.zeros(STEPS), r"has shape \(20,\)"),
        (np.full((STEPS, NEURONS), np.nan), "contains NaN"),
        (np.full((STEPS, NEURONS), "a"), "must be numbers"),
        (np.zeros((STEPS, NEURONS), complex), "must be numbers"),
        (np.array([{}]), "no array of numbers that can be read"),
        (None, "no array of numbers that can be read"),  # cut off
    ],
)
def test_malformed_rasters(tmp_path, array, message):
    command = copies(tmp_path, np.zeros((STEPS, NEURONS)) if array is None else array)
    if array is None:
        path = tmp_path / "raster.npy"
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=message):
        run(command)


def test_failing_program(tmp_path):
    body = "print('progress')\nfor i in range(9): print('line', i, file=sys.stderr)\nsys.exit(3)"
    with pytest.raises(InputError, match=r"ended with exit status 3: line 4 .* line 8$") as caught:
        run(program(tmp_path, body))
    assert "progress" not in str(caught.value)
    with pytest.raises(InputError, match="ended with exit status 3: progress"):
        run(program(tmp_path, "print('progress')\nsys.exit(3)"))
    # The same when it is asked what it is.
    with pytest.raises(InputError, match="exit status 3"):
        CommandAdapter(program(tmp_path, "sys.exit(3)"))


@pytest.mark.skipif(os.name == "nt", reason="no signals")
def test_killed_program(tmp_path):
    with pytest.raises(InputError, match="was killed by signal 9"):
        run(program(tmp_path, "os.kill(os.getpid(), 9)"))


def test_time_limit(tmp_path):
    # The grandchild holds the outputs open for longer than the limit.
    body = "import subprocess\nprint('on my way', file=sys.stderr, flush=True)\n"
    body += "subprocess.run([sys.executable, '-c', 'import time; time.sleep(4)'])"
    command = program(tmp_path, body)
    began = time.monotonic()
    with pytest.raises(InputError, match=r"within 0\.5 s \(20 steps, 3 neurons\): on my way"):
        run(command, timeout_s=0.5)
    # It has nothing to say of itself either; what it takes to run it is for the checks to find.
    assert CommandAdapter(command, timeout_s=0.5).capabilities == Capabilities()
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("command", "options", "message"),
    [
        ("", {}, r"one of which holds \{dir\}"),
        ("true", {}, r"one of which holds \{dir\}"),
        ("'open {dir}", {}, "cannot be split into words"),
        ("no-such-program-anywhere {dir}", {}, "no such program, or it is not executable"),
        ("true {dir}", {}, "wrote neither"),
        ("true {dir}", {"timeout_s": 0}, r"timeout_s \(=0\) must be greater than 0"),
        ("true {dir}", {"fixed_dt_ms": -1}, r"fixed_dt_ms \(=-1\) must be greater than 0"),
        ("true {dir}", {"capabilities": "no.json"}, r"no\.json: cannot be read"),
    ],
)
def test_unusable_commands(command, options, message):
    with pytest.raises(InputError, match=message):
        CommandAdapter(command, **options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "expected a JSON object, got list"),
        ('{"refractory": "some"}', "refractory is 'some'; choose from 'steps', 'time', 'none'"),
        ('{"tau": 3}', "unknown setting 'tau'"),
    ],
)
def test_unusable_capabilities(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        CommandAdapter(writes(tmp_path, capabilities_json=text))
