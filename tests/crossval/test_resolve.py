"""Wrapping what people have, and finding what they name."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from grid_intervals import NO_REFRACTORY, PLAIN, assert_fires_as_on_grid, drive

from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.adapters.own import ClosedForm
from bio_scnn.crossval.protocol import Adapter, CannotRepresent, Capabilities, Setup
from bio_scnn.crossval.resolve import as_adapter, resolve
from bio_scnn.crossval.suite import ConformanceError, check_lif
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import first_spike_ms
from bio_scnn.neuron.parameters import TABLE_1


def lif(current, dt_ms=0.1):
    """A plain function: spikes, and V after the reset."""
    decay = np.exp(-dt_ms / TABLE_1.tau_ms)
    V = np.zeros(current.shape[1])
    raster, membrane = np.zeros(current.shape), np.zeros(current.shape)
    for n, x in enumerate(current):
        V = decay * V + (1 - decay) * TABLE_1.R * x
        raster[n] = V >= TABLE_1.V_th
        V = np.where(raster[n], TABLE_1.V_reset, V)
        membrane[n] = V
    return raster, membrane


def only_spikes(current):
    return lif(current)[0]


def test_an_adapter_stays_what_it_is():
    adapter = ClosedForm()
    assert as_adapter(adapter, name="other", dt_ms=1.0) is adapter
    assert isinstance(as_adapter(ClosedForm), ClosedForm)
    assert isinstance(as_adapter(lambda: ClosedForm()), ClosedForm)


@pytest.mark.parametrize("dt_ms", [0.1, 1.0])
def test_a_function_is_run_as_it_is(dt_ms):
    current, held = drive(dt_ms)
    adapter = as_adapter(lambda current: lif(current, dt_ms), dt_ms=dt_ms, capabilities=PLAIN)
    setup = Setup(NO_REFRACTORY, len(current), dt_ms)
    adapter.build(setup)
    trace = adapter.run(held)
    assert_fires_as_on_grid(trace, current, dt_ms)
    assert trace.membrane is None  # none was declared
    adapter.reset()
    again = adapter.run(held)
    assert all(map(np.array_equal, trace.spike_times_ms, again.spike_times_ms))


def test_the_second_item_is_the_membrane_if_one_is_declared():
    current, held = drive(0.1)
    adapter = as_adapter(lif, capabilities=Capabilities(refractory="none"))  # 2nd has a default
    adapter.build(Setup(NO_REFRACTORY, len(current)))
    first = int(first_spike_ms(current, NO_REFRACTORY).min() / 0.1)
    t = 0.1 * np.arange(1, first + 1)[:, None]
    expected = -TABLE_1.R * current * np.expm1(-t / TABLE_1.tau_ms)
    assert adapter.run(held).membrane[:first] == pytest.approx(expected, abs=1e-13)


def test_a_function_cannot_change_the_currents_it_is_given():
    def careless(current):
        current[:] = 0
        return current

    held = np.ones((5, 2))
    adapter = as_adapter(careless)
    adapter.build(Setup(neurons=2))
    adapter.run(held)
    assert np.all(held == 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"params": replace(NO_REFRACTORY, tau_ms=20.0, C_ms=40.0)}, "tau_ms is 40, not 20"),
        ({"params": replace(NO_REFRACTORY, C_ms=40.0)}, "R is 0.5, not 1"),
        ({"params": replace(NO_REFRACTORY, V_reset=-0.5)}, "V_reset is 0, not -0.5"),
        ({"params": replace(NO_REFRACTORY, V_th=2.0)}, "V_th is 1, not 2"),
        ({"params": TABLE_1}, "t_ref_ms is 0, not 1"),
        ({"dt_ms": 1.0}, "0.1 ms, not 1 ms"),
        ({"dtype": "float32"}, "it is float64"),
    ],
)
def test_a_function_has_one_neuron_and_one_time_step(changes, words):
    adapter = as_adapter(only_spikes, capabilities=PLAIN)
    with pytest.raises(CannotRepresent, match=words):
        adapter.build(replace(Setup(NO_REFRACTORY), **changes))
    # Bands of rates and constants of synapses and noise are not the neuron's.
    adapter.build(Setup(replace(NO_REFRACTORY, rate_max_hz=150.0, tau_noise_ms=5.0)))


def test_a_neuron_and_a_time_step_can_be_given():
    params = replace(NO_REFRACTORY, tau_ms=20.0, C_ms=40.0)
    adapter = as_adapter(only_spikes, name="mine", params=params, dt_ms=1.0, capabilities=PLAIN)
    adapter.build(Setup(params, dt_ms=1.0))
    assert (adapter.name, adapter.params) == ("mine", params)
    with pytest.raises(CannotRepresent):
        adapter.build(Setup(NO_REFRACTORY, dt_ms=1.0))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x[:-1], r"shape \(4, 2\).*\(steps, neurons\) = \(5, 2\)"),
        (lambda x: x.T, r"shape \(2, 5\)"),
        (lambda x: (), "empty tuple"),
        (lambda x: np.full(x.shape, np.nan), "NaN"),
        (lambda x: ClosedForm(), "gave a ClosedForm.*`setup`"),
        (lambda x: None, "None came back: is a `return` missing"),
        (lambda x: 0 * x - 0.3, r"spikes must be 0 or 1 \(found -0\.3\): is it V"),
    ],
)
def test_what_comes_back_must_be_spikes(answer, words):
    adapter = as_adapter(answer)
    adapter.build(Setup(neurons=2))
    with pytest.raises(InputError, match=words):
        adapter.run(np.ones((5, 2)))


def test_the_suite_gives_a_function_its_time_step_and_its_neuron():
    def coarse(current):
        return lif(current, 1.0)

    adapter = as_adapter(coarse, dt_ms=1.0, capabilities=PLAIN)
    assert check_lif(adapter, dt_ms=1.0, checks=["fi_curve", "frozen_noise"]).count("passed") == 2
    plain = {"dt_ms": 1.0, "params": NO_REFRACTORY, "checks": ["fi_curve"]}
    assert check_lif(coarse, **plain).count("passed") == 1
    with pytest.raises(ConformanceError):  # its refractory period is missing
        check_lif(coarse, dt_ms=1.0, checks=["fi_curve"], explain=False)
    with pytest.raises(ConformanceError):  # its time step is not 0.1 ms
        check_lif(coarse, params=NO_REFRACTORY, checks=["fi_curve"], explain=False)


def test_a_forgotten_time_step_is_told():
    adapter = as_adapter(only_spikes, capabilities=PLAIN)
    words = "only_spikes has a time step of 0.1 ms, but shall be checked at 1 ms: .*dt_ms=0.1"
    with pytest.raises(InputError, match=words):
        check_lif(adapter, dt_ms=1.0)
    for dt_ms in (0.0, -1.0, np.nan, np.inf, "0.1", True):
        for take in (as_adapter, check_lif):
            with pytest.raises(InputError, match="dt_ms"):
                take(only_spikes, dt_ms=dt_ms)


class NeedsArguments(Adapter):
    def __init__(self, speed):
        self.speed = speed

    def build(self, setup):
        """Not reached."""

    def run(self, current):
        """Not reached."""


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (3.0, "a float is no implementation"),
        ("snntorch", "'snntorch' is no implementation.*use resolve"),
        (None, "a NoneType"),
        (lambda: 3.0, "gave a float"),
        (lambda: 1 / 0, "cannot be called .ZeroDivisionError"),
        (Adapter, "cannot be called .TypeError: Can't instantiate abstract class"),
        (lambda current, speed: current, "current, speed"),
        (NeedsArguments, "NeedsArguments is a class that needs speed"),
    ],
)
def test_anything_else_is_refused(thing, words):
    with pytest.raises(InputError, match=words):
        as_adapter(thing)


def test_a_name_is_resolved():
    assert isinstance(resolve("closed-form"), ClosedForm)
    assert isinstance(resolve("bio_scnn.crossval.adapters.own:ClosedForm"), ClosedForm)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("snntroch", "did you mean snntorch?"),
        ("Closed-Form", "did you mean closed-form?"),
        ("xyzzy", "known are exact, closed-form"),
        ("bio_scnn.nowhere:thing", r"cannot be imported \(ModuleNotFoundError"),
        ("bio_scnn.crossval.adapters.own:ClosedFrom", "did you mean ClosedForm?"),
        ("bio_scnn.crossval.adapters.own:Exact.nothing", "has no object 'Exact.nothing'"),
        ("nowhere/layer.py:thing", "nowhere/layer.py: no such file"),
        ("layer.py:", "layer.py:: name the object: layer.py:OBJECT"),
        ("layer.py", "name the object: layer.py:OBJECT"),
        ("layer:", "One of your own"),
    ],
)
def test_a_wrong_name_is_explained(name, words):
    with pytest.raises(InputError, match=words):
        resolve(name)


LAYER = """
from __future__ import annotations
from dataclasses import dataclass
import beside

@dataclass
class Neuron:
    threshold: float = 1.0

class Group:
    @staticmethod
    def layer(current):
        return beside.spikes(current, Neuron().threshold)
"""
BESIDE = """
def spikes(current, threshold):
    return current > threshold
"""


def test_an_object_in_a_file(tmp_path):
    # A file may be called as a package is: it does not stand in for it.
    (tmp_path / "norse.py").write_text(LAYER)
    (tmp_path / "beside.py").write_text(BESIDE)
    path = list(sys.path)
    adapter = resolve(f"{tmp_path / 'norse.py'}:Group.layer", dt_ms=0.5)
    assert "norse" not in sys.modules or "site-packages" in sys.modules["norse"].__file__
    assert sys.path == path
    adapter.build(Setup(neurons=2, dt_ms=0.5))
    first, second = adapter.run(np.array([[0.0, 2.0], [0.0, 0.0], [0.0, 2.0]])).spike_times_ms
    assert (first.tolist(), second.tolist()) == ([], [0.5, 1.5])


def test_a_file_that_cannot_be_imported(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n")
    with pytest.raises(InputError, match=r"broken.py cannot be imported \(ZeroDivisionError"):
        resolve(f"{broken}:layer")


def test_entries_exist_and_name_themselves():
    for name, entry in ENTRIES.items():
        module, _, attribute = entry.factory.partition(":")
        imported = __import__(f"bio_scnn.crossval.adapters.{module}", fromlist=[attribute])
        adapter = getattr(imported, attribute)()
        assert (adapter.name, entry.name) == (name, name)
        assert adapter.capabilities.dtypes
        assert entry.summary


def test_no_framework_is_imported_before_it_is_needed():
    frameworks = ("torch", "snntorch", "norse", "spikingjelly", "sinabs", "rockpool")
    code = (
        "import sys, bio_scnn.crossval.resolve as w\n"
        "import bio_scnn.crossval.adapters as a, importlib\n"
        "for e in a.ENTRIES.values():\n"
        "    importlib.import_module('bio_scnn.crossval.adapters.' + e.factory.split(':')[0])\n"
        "w.as_adapter(lambda current: current)\n"
        f"print([m for m in {frameworks} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
