"""Networks with other neurons: none, small and large differences, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import PLAIN, SMALL, hole, photograph, random_model

from bio_scnn import TABLE_1, InputError, firing_rate
from bio_scnn.crossval.adapters import ENTRIES
from bio_scnn.crossval.networks import (
    adapter_rates,
    compare_network,
    exact_run,
    pictures,
    with_refractory,
)
from bio_scnn.crossval.networks.pictures import compare_by_name, compare_on_pictures, middle
from bio_scnn.crossval.networks.report import draw, publish_networks, table_of
from bio_scnn.crossval.protocol import Adapter, Capabilities
from bio_scnn.data.images import write_image
from bio_scnn.network.conv2d import conv2d
from bio_scnn.network.options import SpikingOptions
from bio_scnn.neuron.closed_form import first_spike_ms
from bio_scnn.neuron.trace import Trace
from bio_scnn.restoration.inpainting import restore
from bio_scnn.restoration.metrics import hole_psnr

SIZE = (32, 24)


@pytest.fixture(scope="module")
def small():
    return exact_run(photograph(*SIZE), hole(*SIZE), random_model(SMALL))


class GridNeuron(Adapter):
    """Eq. 1 on a grid, exact between the steps; `slow` counts one step too many."""

    name = "grid"
    capabilities = Capabilities(membrane="none")

    def __init__(self, slow=0, refractory=True):
        self.slow, self.built = slow, []
        if not refractory:
            self.capabilities = Capabilities(refractory="none", membrane="none")

    def build(self, setup):
        self.setup = setup
        self.built.append(setup.neurons)

    def run(self, current):
        p, dt = self.setup.params, self.setup.dt_ms
        decay, wait = np.exp(-dt / p.tau_ms), round(p.t_ref_ms / dt) + self.slow
        V, left, raster = np.zeros(current.shape[1]), np.zeros(current.shape[1]), []
        for held in current:
            V = np.where(left > 0, p.V_reset, p.R * held + (V - p.R * held) * decay)
            left = np.maximum(left - 1, 0)
            fired = p.V_th <= V
            V[fired], left[fired] = p.V_reset, wait
            raster.append(fired)
        return Trace.from_raster(raster, dt)


# One network


def test_a_network_without_lif_neurons_is_refused():
    model = random_model(replace(SMALL, neurons="relu"))
    with pytest.raises(InputError, match="the comparison needs a network of LIF neurons"):
        exact_run(photograph(32, 32), hole(32, 32), model)


def test_exact_rates_make_no_difference(small):
    found = compare_network(firing_rate, small, name="closed form")
    assert found.neurons == 6 * 16 * 12
    assert found.rate_max_hz < 1e-9
    assert found.exact_rate_hz.std() > 5  # the neurons did differ
    assert 90 < found.exact_rate_hz.min()
    assert found.exact_rate_hz.max() < 210
    assert found.features_rms == 0
    assert list(found.layers) == ["conv2", "conv3", "conv4", "conv5", "conv6"]
    assert all(value < 1e-10 for value in found.layers.values())
    assert found.psnr_to_exact > 150
    assert found.hole_psnr == pytest.approx(found.exact_hole_psnr, abs=1e-9)
    assert found.silent == 0


def test_a_mutated_neuron_shows_in_every_number(small):
    # Each interval one step too long, and then ten.
    late = compare_network(lambda current: 1 / (1 / firing_rate(current) + 1e-4), small)
    assert 0.5 < late.rate_rms_hz < late.rate_max_hz < 5
    assert late.rate_mean_hz < -0.5  # it fires less often
    assert min(late.channel_rms_hz) > 0
    assert max(late.channel_max_hz) == late.rate_max_hz
    assert min(late.layers.values()) > 1e-3
    assert 10 < late.psnr_to_exact < 100
    worse = compare_network(lambda current: 1 / (1 / firing_rate(current) + 1e-3), small)
    assert worse.rate_max_hz > 5 * late.rate_max_hz
    assert worse.layers["conv2"] > 3 * late.layers["conv2"]
    assert worse.psnr_to_exact < late.psnr_to_exact - 10


def test_the_exact_network_is_the_one_that_restores(small):
    picture, mask = photograph(*SIZE), hole(*SIZE)
    restored = restore(picture, mask, model=small.model, options=SpikingOptions()).image / 255
    assert hole_psnr(restored, small.restored, mask) > 50  # but for rounding to 8 bits
    found = compare_network(firing_rate, small)
    assert found.exact_hole_psnr == pytest.approx(hole_psnr(restored, picture, mask), abs=0.1)
    np.testing.assert_allclose(small.rate_hz.ravel(), found.rate_hz.ravel(), atol=1e-9)


def test_without_residual_and_in_single_precision():
    model = random_model(PLAIN).astype(np.float32)
    exact = exact_run(photograph(24, 24), hole(24, 24), model)
    found = compare_network(firing_rate, exact)
    assert found.neurons == 4 * 24 * 24
    assert found.rate_max_hz < 1e-9
    assert max(found.layers.values()) < 1e-5
    off = compare_network(lambda current: firing_rate(current) + 1, exact)
    assert min(off.layers.values()) > 1e-3
    assert off.rate_mean_hz == pytest.approx(1)


def test_one_map_that_is_off_is_found(small):
    def one_off(current):
        rates = firing_rate(current).reshape(-1, 6)
        rates[:, 2] += 3
        return rates.ravel()

    found = compare_network(one_off, small)
    np.testing.assert_allclose(found.channel_max_hz, [0, 0, 3, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(found.channel_rms_hz, [0, 0, 3, 0, 0, 0], atol=1e-9)


def test_another_convolution_is_compared(small):
    kernel, bias = small.model.params["snn.weight"], small.model.params["snn.bias"]

    def matrices(x, bias=bias):
        return conv2d(x[np.newaxis], kernel, bias)[0]

    assert compare_network(firing_rate, small, features_of=matrices).features_rms < 1e-13
    off = compare_network(firing_rate, small, features_of=lambda x: matrices(x, bias + 0.01))
    assert off.features_rms > 1e-3
    assert off.rate_max_hz > 0.1
    with pytest.raises(InputError, match="the features have shape"):
        compare_network(firing_rate, small, features_of=lambda x: x)


def test_silent_neurons_are_counted(small):
    found = compare_network(lambda current: np.where(np.arange(len(current)) < 7, 0, 150.0), small)
    assert found.silent == 7


@pytest.mark.parametrize(
    ("rates_of", "message"),
    [
        (lambda current: current[:-1], "the rates have shape"),
        (lambda current: current[:, None], "the rates have shape"),
        (lambda current: np.where(current > 15, np.nan, 150), "are NaN or infinite"),
    ],
)
def test_bad_rates_are_refused(small, rates_of, message):
    with pytest.raises(InputError, match=message):
        compare_network(rates_of, small)


@pytest.mark.parametrize(
    ("picture", "mask", "message"),
    [
        (photograph(30, 24), hole(30, 24), "multiples of 4"),
        (photograph(32, 24)[..., 0], hole(32, 24), r"must be \(H, W, 3\)"),
        (photograph(32, 24), hole(24, 32), r"the mask \(shape"),
        (photograph(32, 24), np.zeros((32, 24), bool), "must have missing pixels"),
        (photograph(32, 24), np.ones((32, 24), bool), "must have missing pixels"),
    ],
)
def test_bad_pictures_are_refused(picture, mask, message):
    with pytest.raises(InputError, match=message):
        exact_run(picture, mask, random_model())


def test_comparison_as_json(small):
    table = json.loads(json.dumps(compare_network(firing_rate, small).to_json(), allow_nan=False))
    assert table["neurons"] == 1152
    assert len(table["channel_rms_hz"]) == 6
    assert "rate_hz" not in table


# Adapters as neurons


def test_a_grid_neuron_is_off_by_no_more_than_its_grid(small):
    exact = compare_network(adapter_rates(ENTRIES["closed-form"].load(), dt_ms=0.1), small)
    assert exact.rate_max_hz < 1e-8
    adapter = GridNeuron()
    grid = compare_network(adapter_rates(adapter, dt_ms=0.1), small)
    interval, shortest = 1e3 / grid.rate_hz, 1e3 / grid.exact_rate_hz
    assert ((interval > shortest - 1e-8) & (interval < shortest + 0.1 + 1e-8)).all()
    assert grid.rate_rms_hz > 0.1
    slow = compare_network(adapter_rates(GridNeuron(slow=1), dt_ms=0.1), small)
    assert slow.rate_mean_hz < grid.rate_mean_hz - 0.5


def test_neurons_are_run_in_chunks(small):
    whole = compare_network(adapter_rates(GridNeuron(), dt_ms=0.5), small)
    adapter, told = GridNeuron(), []
    rates_of = adapter_rates(adapter, dt_ms=0.5, together=500, progress=told.append)
    chunked = compare_network(rates_of, small)
    assert adapter.built == [500, 500, 152]
    np.testing.assert_array_equal(chunked.rate_hz, whole.rate_hz)
    assert told == sorted(told)
    assert told[-1] == 1


def test_counts_come_in_levels():
    current = np.linspace(10, 21, 50)
    rates = adapter_rates(GridNeuron(), dt_ms=0.1, duration_ms=100, readout="count")(current)
    assert np.unique(np.round(rates % 10, 9)).tolist() == [0]
    assert np.abs(rates - firing_rate(current)).max() < 10 + 5


def test_a_missing_refractory_period_can_be_made_up_for():
    current = np.linspace(10, 21, 50)
    without = firing_rate(current, replace(TABLE_1, t_ref_ms=0.0))
    np.testing.assert_allclose(with_refractory(without, 1.0), firing_rate(current), rtol=1e-13)
    assert with_refractory(np.zeros(2), 1.0).tolist() == [0, 0]
    rates = adapter_rates(GridNeuron(refractory=False), dt_ms=0.1)(current)
    assert np.abs(1e3 / rates - first_spike_ms(current)).max() < 0.1 + 1e-9


@pytest.mark.parametrize(
    ("options", "message"),
    [({"readout": "phase"}, "readout 'phase'"), ({"duration_ms": 0.0}, "greater than 0")],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        adapter_rates(GridNeuron(), **options)


# The command


class Deaf(GridNeuron):
    def run(self, current):
        return Trace(())


class Broken(GridNeuron):
    def run(self, current):
        raise RuntimeError("no such\nkernel")


def test_table_json_and_figure(tmp_path, capsys):
    write_image(tmp_path / "a.png", photograph(50, 60))
    write_image(tmp_path / "b.png", photograph(40, 30))
    adapters = {"exact": ENTRIES["closed-form"].load(), "mine": GridNeuron(refractory=False)}
    images = [tmp_path / "a.png", tmp_path / "b.png"]
    compared = compare_on_pictures(adapters, images, random_model(SMALL), dt_ms=0.25, size=32)
    assert not compared.failures
    publish_networks(compared, folder=tmp_path / "out")
    printed = capsys.readouterr().out
    assert "inpaint on a.png, 32 x 32, dt = 0.25 ms" in printed
    assert "inpaint on b.png, 32 x 28" in printed
    assert "  mine + t_ref " in printed
    assert "nan" not in printed
    assert max(map(len, printed.splitlines())) < 100
    for stem in ("a", "b"):
        picture = (tmp_path / "out" / f"network-{stem}.png").read_bytes()
        assert picture[:4] == b"\x89PNG"
    table = json.loads((tmp_path / "out" / "network.json").read_text("utf-8"))
    rows = {row["name"]: row for row in table["images"][0]["found"]}
    assert rows["exact"]["rate_max_hz"] < 1e-8
    assert rows["mine"]["rate_mean_hz"] > 5 > abs(rows["mine + t_ref"]["rate_mean_hz"])
    assert rows["mine"]["layers"]["conv2"] > 2 * rows["mine + t_ref"]["layers"]["conv2"]
    # An interval becomes longer by t_ref, and by nothing else.
    mine, lengthened = (compared.pictures[0].found[n].rate_hz for n in (1, 2))
    np.testing.assert_allclose(1e3 / lengthened, 1e3 / mine + TABLE_1.t_ref_ms, rtol=1e-12)


def test_one_that_cannot_be_run_costs_no_other(tmp_path, capsys):
    write_image(tmp_path / "a.png", photograph(32, 32))
    adapters = {"broken": Broken(), "deaf": Deaf(), "exact": ENTRIES["closed-form"].load()}
    told = []
    compared = compare_on_pictures(
        adapters,
        [tmp_path / "a.png"],
        random_model(SMALL),
        dt_ms=0.5,
        progress=lambda what, done: told.append(what),
    )
    publish_networks(compared, as_json=True)
    table = json.loads(capsys.readouterr().out)
    assert table["failures"]["broken"] == "RuntimeError: no such kernel"
    assert "returned spike trains of 0 neurons" in table["failures"]["deaf"]
    assert [row["name"] for row in table["images"][0]["found"]] == ["exact"]
    assert "a.png: exact" in told
    publish_networks(compared)
    assert "broken could not be run: RuntimeError: no such kernel\n" in capsys.readouterr().out
    assert "nothing could be run" in table_of([])


def test_the_figure_shows_what_is_off(small):
    exact, off = (
        compare_network(firing_rate, small, name="exact"),
        compare_network(lambda c: 0 * c, small),
    )
    assert draw([exact]) != draw([replace(off, name="exact")])


def test_what_the_command_cannot_use_is_refused(tmp_path):
    with pytest.raises(InputError, match="name the implementations"):
        compare_by_name([])
    with pytest.raises(InputError, match="there is no implementation 'nets'"):
        compare_by_name(["nets"])
    with pytest.raises(InputError, match="at least 8 x 8"):
        middle(photograph(6, 50), 32, 4)
    assert middle(photograph(50, 61), 30, 4).shape == (28, 28, 3)
    np.testing.assert_array_equal(
        middle(photograph(40, 40), 8, 4), photograph(40, 40)[16:24, 16:24]
    )


def test_the_command_line(tmp_path, capsys, monkeypatch):
    from bio_scnn.validate import main

    monkeypatch.setattr(pictures, "load_model", lambda path: (random_model(SMALL), {}))
    write_image(tmp_path / "a.png", photograph(32, 32))
    main(["closed-form", "--network", str(tmp_path / "a.png"), "--dt", "1", "--json"])
    (image,) = json.loads(capsys.readouterr().out)["images"]
    assert image["image"] == "a.png"
    assert image["found"][0]["rate_max_hz"] < 1e-8
    main(["closed-form", "--network"])  # of a picture that comes with scikit-image
    assert "closed-form " in capsys.readouterr().out
    (tmp_path / "broken.py").write_text("def neuron(current):\n    raise RuntimeError('no')\n")
    with pytest.raises(SystemExit) as ended:
        main([f"{tmp_path / 'broken.py'}:neuron", "--network", str(tmp_path / "a.png")])
    assert ended.value.code == 1
    assert "could not be run: " in capsys.readouterr().out
    for arguments in (["--all"], ["--nir", "a.nir"], ["--command", "./a {dir}"]):
        with pytest.raises(InputError, match="goes with names only"):
            main([*arguments, "--network"])


@pytest.mark.peer
def test_a_framework_in_the_networks_place(small):
    pytest.importorskip("norse")
    found = compare_network(adapter_rates(ENTRIES["norse-refractory"].load(), dt_ms=0.1), small)
    assert 0.1 < found.rate_rms_hz < 3
    assert 20 < found.psnr_to_exact < 100
