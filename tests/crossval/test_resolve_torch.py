"""Wrapping PyTorch modules, and factories of them."""

import warnings

import numpy as np
import pytest
from grid_intervals import NO_REFRACTORY, PLAIN, assert_fires_as_on_grid, drive

from bio_scnn.crossval.protocol import CannotRepresent, Capabilities, Setup
from bio_scnn.crossval.resolve import as_adapter
from bio_scnn.errors import InputError
from bio_scnn.neuron.parameters import TABLE_1


def torch_layer(torch, *, dt_ms=0.1, dtype=None):
    """A module with one buffer, and a state that outlives a call as careless ones do."""

    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            decay = torch.tensor(np.exp(-dt_ms / TABLE_1.tau_ms), dtype=dtype)
            self.register_buffer("decay", decay)
            self.V = torch.tensor(0.0)

        def forward(self, current):
            raster, membrane = [], []
            for x in current:
                self.V = self.decay * self.V + (1 - self.decay) * TABLE_1.R * x
                raster.append((self.V >= TABLE_1.V_th).to(x.dtype))
                self.V = self.V * (1 - raster[-1])
                membrane.append(self.V)
            return torch.stack(raster), torch.stack(membrane)

    return Layer()


@pytest.mark.peer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_module_is_copied_for_each_build(dtype):
    torch = pytest.importorskip("torch")
    module = torch_layer(torch, dtype=getattr(torch, dtype))
    adapter = as_adapter(module, capabilities=PLAIN)
    assert (adapter.name, adapter.capabilities.dtypes) == ("Layer", (dtype,))
    assert "torch" in adapter.versions()
    current, held = drive(0.1)
    for neurons in (4, 4):  # a state left over would shift the second train
        adapter.build(Setup(NO_REFRACTORY, neurons, dtype=dtype))
        assert_fires_as_on_grid(adapter.run(held), current, 0.1)
    assert module.V.ndim == 0  # the user's own was never run
    with pytest.raises(CannotRepresent, match="another time step"):
        adapter.build(Setup(NO_REFRACTORY, 4, dt_ms=1.0, dtype=dtype))
    with pytest.raises(CannotRepresent, match="float16"):
        adapter.build(Setup(NO_REFRACTORY, 4, dtype="float16"))


@pytest.mark.peer
def test_a_module_resets_only_by_its_own_reset():
    torch = pytest.importorskip("torch")
    module = torch_layer(torch, dtype=torch.float64)
    _, held = drive(0.1)
    adapter = as_adapter(module, capabilities=Capabilities(refractory="none"))
    adapter.build(Setup(NO_REFRACTORY, 4))
    before = adapter.run(held)
    assert before.membrane.shape == held.shape
    with pytest.raises(CannotRepresent, match="no method `reset`"):
        adapter.reset()

    type(module).reset = lambda self: setattr(self, "V", torch.tensor(0.0))
    adapter.reset()
    after = adapter.run(held)
    assert np.array_equal(before.membrane, after.membrane)
    not_reset = adapter.run(held)
    assert not np.array_equal(before.membrane, not_reset.membrane)


@pytest.mark.peer
def test_a_module_that_cannot_be_copied():
    torch = pytest.importorskip("torch")
    module = torch_layer(torch)
    module.V = torch.ones(2, requires_grad=True) * 2  # as after a run with gradients
    with pytest.raises(InputError, match="Layer cannot be copied"):
        as_adapter(module)


@pytest.mark.peer
@pytest.mark.parametrize("dt_ms", [0.1, 1.0])
def test_a_factory_makes_a_module_for_any_setup(dt_ms):
    torch = pytest.importorskip("torch")

    def make(setup):
        assert isinstance(setup, Setup)
        return torch_layer(torch, dt_ms=setup.dt_ms, dtype=getattr(torch, setup.dtype))

    both = Capabilities(refractory="none", membrane="none", dtypes=("float64", "float32"))
    adapter = as_adapter(make, capabilities=both)
    current, held = drive(dt_ms)
    for dtype in both.dtypes:
        adapter.build(Setup(NO_REFRACTORY, 4, dt_ms, dtype))
        assert_fires_as_on_grid(adapter.run(held), current, dt_ms)


@pytest.mark.peer
def test_what_a_factory_is():
    torch = pytest.importorskip("torch")

    def annotated(anything: Setup):
        return torch_layer(torch)

    class Layer(torch.nn.Module):
        def __init__(self, setup):
            super().__init__()

    for factory in (annotated, Layer):
        adapter = as_adapter(factory)
        adapter.build(Setup(dtype="float32"))
        adapter.build(Setup(TABLE_1, 1, 1.0, "float32"))
    assert as_adapter(lambda: torch_layer(torch)).capabilities.dtypes == ("float64",)
    with pytest.raises(InputError, match="Linear is a class that needs in_features"):
        as_adapter(torch.nn.Linear)
    wrong = as_adapter(lambda setup: 3.0)
    with pytest.raises(InputError, match="gave a float"):
        wrong.build(Setup(dtype="float32"))


@pytest.mark.peer
def test_the_type_of_a_module_is_that_of_its_parameters():
    torch = pytest.importorskip("torch")
    adapter = as_adapter(torch_layer(torch, dtype=torch.bfloat16))
    assert adapter.capabilities.dtypes == ("bfloat16",)


@pytest.mark.peer
def test_spikes_of_half_precision():
    torch = pytest.importorskip("torch")

    class Half(torch.nn.Module):
        def forward(self, current):
            return (current > 1).to(torch.bfloat16)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        adapter = as_adapter(Half())
        adapter.build(Setup(neurons=2, dtype="float32"))
        first, second = adapter.run(np.array([[0.0, 2.0], [0.0, 2.0]])).spike_times_ms
    assert (first.size, second.tolist()) == (0, [0.1, 0.2])
