"""Layers that behave well or badly, for tests of the command line: ``validate_fakes.py:Good``."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np

from bio_scnn.crossval import Adapter, CannotRepresent, Capabilities, Trace


class Good(Adapter):
    """A perfect neuron on a grid, without a refractory period."""

    name = "good"
    capabilities = Capabilities(refractory="none")
    cannot = ("a refractory period",)

    def versions(self):
        return {"good": "1.2"}

    def build(self, setup):
        self.setup = setup
        self.V = np.full(setup.neurons, setup.params.V_reset)

    def run(self, current):
        p, dt, raster, membrane = self.setup.params, self.setup.dt_ms, [], []
        decay = np.exp(-dt / p.tau_ms)
        for V_inf in p.R * current:
            self.V = V_inf + (self.V - V_inf) * decay
            fires = self.V >= p.V_th
            self.V = np.where(fires, p.V_reset, self.V)
            raster.append(fires)
            membrane.append(self.V)
        return Trace.from_raster(raster, dt, membrane)


class Late(Good):
    """Its input acts one step late."""

    name = "late"

    def run(self, current):
        return super().run(np.concatenate([np.zeros_like(current[:1]), current[:-1]]))


class Declared(Late):
    """The same, but it says so; and it says what is not so."""

    name = "declared"
    expected_failures = {  # noqa: RUF012
        "first_spike": "its input is delayed",
        "fi_curve": "its input is delayed",
        "silence": "it was thought to be noisy",
    }


class Segfault(Good):
    """Crashes on NaN."""

    name = "segfault"

    def run(self, current):
        if np.isnan(current).any():
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().run(current)


class Leaves(Good):
    """Ends the interpreter on NaN."""

    name = "leaves"

    def run(self, current):
        if np.isnan(current).any():
            print("out of licences", file=sys.stderr, flush=True)
            os._exit(3)
        return super().run(current)


class Exits(Good):
    """Leaves through sys.exit, whatever it is given."""

    name = "exits"

    def run(self, current):
        sys.exit(3)


class Loops(Good):
    """Never comes back, whatever it is given."""

    name = "loops"

    def run(self, current):
        time.sleep(600)


class Coarse(Good):
    """Has one time step, which is not the default's."""

    name = "coarse"
    fixed_dt_ms = 1.0


class Unable(Good):
    """Cannot be built."""

    name = "unable"

    def build(self, setup):
        raise CannotRepresent("it is out of order")


class Diverges(Good):
    """Never fires, and V grows without end; and its name is no text."""

    name = "half a character: \ud800"

    def run(self, current):
        V = np.cumsum(np.ones(current.shape), axis=0) / 4
        V[2:] = np.inf
        return Trace([[]] * current.shape[1], V)


class Abstract(Adapter):
    """Has no methods."""


class Hangs(Good):
    """Sleeps on NaN, and so does a child; their numbers are written down."""

    name = "hangs"

    def run(self, current):
        if np.isnan(current).any():
            child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
            pathlib.Path("pids.part").write_text(f"{os.getpid()} {child.pid}")
            os.rename("pids.part", "pids")
            time.sleep(600)
        return super().run(current)


class Loud(Good):
    """Prints and reads where a careless parent would."""

    name = "loud"

    def run(self, current):
        print('{"event": "finished", "content": null}')
        os.write(1, b"\xff\xfe garbage\n")
        assert sys.stdin.read() == ""
        return super().run(current)


class Doomed(Good):
    """Crashes whenever it fires."""

    name = "doomed"

    def run(self, current):
        if current.max() > 0:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().run(current)


class Absent(Good):
    """Needs what is not installed."""

    name = "absent"

    def build(self, setup):
        import a_framework_that_is_not_installed  # noqa: F401
