"""Frameworks that import NIR files, each held to the file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from nir_files import OTHERS, in_framework, lif_file, other_file

from bio_scnn import TABLE_1, current_for_rate, firing_rate
from bio_scnn.crossval import check_lif
from bio_scnn.crossval.nir_io import describe, nir_adapters
from bio_scnn.crossval.nir_io.importers import IMPORTERS
from bio_scnn.crossval.protocol import CannotRepresent
from bio_scnn.crossval.subject import Subject
from bio_scnn.neuron.trace import mean_rate_hz
from bio_scnn.runtime.provenance import installed_version

peer = pytest.mark.peer


def rate_at(adapter, current, dt_ms=0.1, neurons=2):
    trace = Subject(adapter, dt_ms).run(np.full((round(300 / dt_ms), neurons), current))
    rates = mean_rate_hz(trace)
    assert np.ptp(rates) == 0
    return float(rates[0]), trace


EXACT_WITHOUT_T_REF = 176.47  # Hz, of a neuron that t_ref = 1 ms would make fire at 150 Hz


@peer
def test_snntorch_is_close_where_it_can_be(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "snntorch")
    rate, trace = rate_at(adapter, current_for_rate(150.0))
    assert abs(rate - EXACT_WITHOUT_T_REF) < 2
    assert 0.9 < trace.membrane.max() < 1
    # A millisecond per call is a tenth of one to it.
    assert rate_at(adapter, current_for_rate(150.0), dt_ms=1.0)[0] == pytest.approx(17.5, abs=0.2)


@peer
def test_snntorch_loses_the_reset_potential(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir", v_reset=-0.3), "snntorch")
    current = current_for_rate(150.0, adapter.params)
    exact = firing_rate(current, adapter.params)
    assert rate_at(adapter, current)[0] > 1.2 * exact


@peer
def test_norse_ignores_the_resistance(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "norse")
    assert rate_at(adapter, current_for_rate(150.0))[0] == pytest.approx(357, abs=2)
    one = in_framework(lif_file(tmp_path / "b.nir", r=1.0), "norse")
    rate, trace = rate_at(one, current_for_rate(150.0) / 2)
    assert abs(rate - EXACT_WITHOUT_T_REF) < 2
    assert 0.9 < trace.membrane.max() < 1
    # It can be told the time step.
    assert (
        abs(rate_at(one, current_for_rate(150.0) / 2, dt_ms=0.01)[0] - EXACT_WITHOUT_T_REF) < 0.2
    )


@peer
def test_spikingjelly_refuses_and_says_why(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "spikingjelly")
    with pytest.raises(ImportError, match=r"cannot import this LIF \(tau = 40 ms, r = 0.5\)"):
        rate_at(adapter, 10.0)
    one = in_framework(lif_file(tmp_path / "b.nir", r=1.0), "spikingjelly")
    assert abs(rate_at(one, current_for_rate(150.0) / 2)[0] - EXACT_WITHOUT_T_REF) < 2


@peer
def test_rockpool_breaks_and_says_so(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "rockpool")
    with pytest.raises(ImportError, match="rockpool cannot import this LIF"):
        rate_at(adapter, 10.0)


@peer
def test_spyx_fires_in_nearly_every_step(tmp_path):
    adapter = in_framework(lif_file(tmp_path / "a.nir"), "spyx")
    assert rate_at(adapter, current_for_rate(150.0))[0] > 5000


@peer
@pytest.mark.parametrize("framework", ["snntorch", "norse"])
def test_runs_start_anew_and_other_neurons_are_refused(tmp_path, framework, capsys):
    adapter = in_framework(lif_file(tmp_path / "a.nir", r=1.0), framework)
    subject = Subject(adapter, 0.1)
    current = np.full((300, 2), current_for_rate(150.0) / 2)
    first = subject.run(current)
    adapter.reset()
    again = subject.trace(current)
    assert len(first.spike_times_ms[0]) > 2
    np.testing.assert_array_equal(first.spike_times_ms, again.spike_times_ms)
    np.testing.assert_array_equal(first.membrane, again.membrane)
    for params in (replace(subject.params, tau_ms=20.0), replace(subject.params, t_ref_ms=1.0)):
        with pytest.raises(CannotRepresent, match="other parameters than the file's"):
            subject.run(current, params=params)
    assert capsys.readouterr().out == ""  # snntorch prints what it imports


@peer
def test_a_leak_potential_shifts_v(tmp_path):
    path = lif_file(tmp_path / "a.nir", r=1.0, v_leak=0.5, v_threshold=1.5, v_reset=0.5)
    adapter = in_framework(path, "norse")
    assert adapter.params.V_th == 1
    _, trace = rate_at(adapter, 0.8)  # below the rheobase: V tends to RI
    assert trace.membrane[-1] == pytest.approx(0.8, abs=2e-3)


@pytest.mark.nightly
@peer
def test_the_checks_name_what_an_importer_ignores(tmp_path):
    from bio_scnn.crossval.suite import check_lif

    checks = ("fi_curve", "first_spike", "silence", "as_declared")
    norse = in_framework(lif_file(tmp_path / "a.nir"), "norse")
    report = check_lif(norse, checks=checks, on_fail=None)
    assert not report.ok
    assert {r.check for r in report.results if r.status == "failed"} == set(checks)
    assert "resistance ignored" in report.behaves_like
    one = in_framework(lif_file(tmp_path / "b.nir", r=1.0), "norse")
    report = check_lif(one, checks=checks, on_fail=None)
    assert report.ok
    assert report.params == replace(TABLE_1, C_ms=40.0, t_ref_ms=0.0)
    snntorch = in_framework(lif_file(tmp_path / "a.nir"), "snntorch")
    assert check_lif(snntorch, checks=checks, on_fail=None).ok
    assert not check_lif(snntorch, checks=checks, dt_ms=1.0, on_fail=None).ok


@peer
def test_installed_frameworks_only(tmp_path):
    path = lif_file(tmp_path / "a.nir")
    found = {adapter.framework for adapter in nir_adapters(path)}
    assert found == {one.framework for one in IMPORTERS if installed_version(one.framework)}
    assert nir_adapters(path, importers=()) == []
    assert "pip install snntorch norse spikingjelly" in describe(path, importers=())
    assert "pip install" not in describe(path, importers=IMPORTERS)


@peer
@pytest.mark.parametrize("framework", ["snntorch", "norse", "spikingjelly"])
def test_a_cuba_lif_is_the_same_in_the_frameworks_that_import_it(tmp_path, framework):
    adapter = in_framework(other_file(tmp_path / "a.nir", OTHERS["CubaLIF"][0]), framework)
    report = check_lif(adapter, checks=["first_spike", "frozen_noise", "as_declared"])
    assert report.count("passed") == 3
    assert report.behaves_like == "CubaLIF, the synapse, then the membrane, forward Euler"
