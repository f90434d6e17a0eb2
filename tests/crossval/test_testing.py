"""The checks as pytest tests, from a module and from the command line."""

import pytest

pytest_plugins = ["pytester"]

LAYER = """
import numpy as np
from bio_scnn.crossval import Adapter, Capabilities, Trace

class Layer(Adapter):
    name = "mine"
    capabilities = Capabilities(refractory="none", integrator="forward Euler")

    def build(self, setup):
        self.setup, self.V = setup, np.full(setup.neurons, setup.params.V_reset)

    def run(self, current):
        p, dt, raster, V = self.setup.params, self.setup.dt_ms, [], []
        if p.t_ref_ms:
            from bio_scnn.crossval import CannotRepresent
            raise CannotRepresent("no refractory period")
        for I in current:
            self.V += dt / p.tau_ms * (p.R * I - self.V)
            raster.append(self.V >= p.V_th)
            self.V[raster[-1]] = p.V_reset
            V.append(self.V.copy())
        return Trace.from_raster(raster, dt, V)
"""


def test_checks_are_pytest_tests(pytester):
    pytester.makepyfile(layer=LAYER)
    pytester.makepyfile(
        """
        from bio_scnn.crossval.testing import parametrize_with_checks
        from layer import Layer

        class Leaky(Layer):
            name = "wrong"
            def run(self, current):
                self.V += 0.3
                return super().run(current)

        @parametrize_with_checks([Layer()], expected_failures={"silence": "is thought to fail"})
        def test_mine(check):
            check()

        @parametrize_with_checks([Leaky()])
        def test_wrong(check):
            check()
        """
    )
    # -c: the warnings of this project's own configuration are not what is tested.
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rxXf", "-p", "no:nengo")
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] >= 2
    assert outcomes["xfailed"] >= 3
    assert outcomes["xpassed"] == 1
    assert outcomes["passed"] >= 10
    result.stdout.fnmatch_lines_random(
        [
            "XPASS *test_mine?mine-silence? - is thought to fail",
            "XFAIL *test_mine?mine-subthreshold_membrane? - declared: forward Euler*",
            "FAILED *test_wrong?wrong-first_spike? *",
        ]
    )


@pytest.mark.slow
def test_checks_from_the_command_line(pytester):
    path = pytester.makepyfile(layer=LAYER)
    result = pytester.runpytest_subprocess(
        "-p", "no:nengo", "--check-lif", f"{path}:Layer", "--check-lif-dt", "0.5", "-q"
    )
    outcomes = result.parseoutcomes()
    assert "failed" not in outcomes
    assert outcomes["passed"] > 10
    assert outcomes["xfailed"] >= 1
    result = pytester.runpytest_subprocess("-p", "no:nengo", "--check-lif", "snntorhc", "-q")
    result.stderr.fnmatch_lines("*did you mean snntorch?*")
