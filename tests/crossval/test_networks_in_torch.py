"""The whole network in PyTorch beside the one whose spikes are simulated."""

import dataclasses

import numpy as np
import pytest
from helpers import SMALL, hole, photograph, random_model

from bio_scnn import InputError
from bio_scnn.crossval.networks import exact_run
from bio_scnn.crossval.networks.comparison import measure
from bio_scnn.crossval.networks.pictures import compare_by_name
from bio_scnn.crossval.networks.torch_network import device_of, run_on_device

pytestmark = pytest.mark.peer
pytest.importorskip("torch")


@pytest.fixture(scope="module")
def exact():
    return exact_run(photograph(32, 24), hole(32, 24), random_model(SMALL))


@pytest.mark.parametrize(
    ("name", "least_hz", "most_hz", "layers"),
    [
        ("torch:cpu:float64", 0, 1e-9, 1e-9),
        ("torch:cpu", 1e-9, 1e-2, 1e-4),
        ("torch:cpu:bfloat16", 1e-2, 20, 0.1),
    ],
)
def test_differences_are_those_of_the_precision(exact, name, least_hz, most_hz, layers):
    found = measure(exact, run_on_device(exact, device_of(name)), name)
    assert least_hz < found.rate_max_hz < most_hz
    assert found.neurons == exact.z.size
    assert found.silent == 0
    assert list(found.layers) == [f"conv{number}" for number in range(2, 7)]
    assert max(found.layers.values()) < layers
    assert found.psnr_to_exact > (40 if "bfloat16" in name else 90)


def test_another_network_is_told_apart(exact):
    weights = exact.model.params["conv3.weight"]
    params = exact.model.params | {"conv3.weight": 1.01 * weights}
    other = exact._replace(model=dataclasses.replace(exact.model, params=params))
    run = run_on_device(other, device_of("torch:cpu:float64"))
    found = measure(exact, run, "other")
    assert found.layers["conv2"] < 1e-9
    assert found.layers["conv3"] > 1e-4
    assert np.isfinite(found.psnr_to_exact)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("torch:nonsense", "cannot use device 'nonsense'"),
        ("torch:cpu:float16", "precision 'float16' is unknown"),
        ("torch:cpu:tf32", "tf32 is for CUDA"),
    ],
)
def test_bad_names_are_one_clear_line(name, message):
    with pytest.raises(InputError, match=message):
        compare_by_name([name])
