"""PyTorch layers are called as their frameworks mean it, and as people write them."""

import copy

import numpy as np
import pytest

from bio_scnn.crossval.identify.calls import Convention, find_call
from bio_scnn.crossval.protocol import CannotRepresent, Setup
from bio_scnn.crossval.resolve import as_adapter
from bio_scnn.errors import InputError

pytestmark = [
    pytest.mark.peer,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

C = Convention
X = np.random.default_rng(3).uniform(-0.5, 3.0, (60, 3))


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def codes(call):
    return {remark.code for remark in call.remarks}


def by_hand(torch, step, x):
    """Spikes of a step function of one neuron, called in a loop of the test's own."""
    columns = []
    with torch.no_grad():
        for column in x.astype(np.float32).T:
            one = step()
            columns.append([float(one(torch.tensor([value]))) for value in column])
    return np.array(columns).T


def strong(call):
    """Input that makes it fire, not too often."""
    return X * call.amplitude


def handed(layer):
    """A step function, from a layer that gives its state back."""

    def start():
        state = []

        def step(x):
            spikes, *new = layer(x, *state)
            state[:] = new
            return spikes

        return step

    return start


def kept(layer):
    """A step function, from a layer that keeps its state."""

    def start():
        one = copy.deepcopy(layer)

        def step(x):
            answer = one(x)
            return answer[0] if isinstance(answer, tuple) else answer

        return step

    return start


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("Leaky", {"beta": 0.9}),
        ("Leaky", {"beta": 0.9, "init_hidden": True}),
        ("Leaky", {"beta": 0.9, "init_hidden": True, "output": True}),
        ("Synaptic", {"alpha": 0.5, "beta": 0.9}),
        ("Lapicque", {"beta": 0.9}),
        ("Alpha", {"alpha": 0.6, "beta": 0.5}),
    ],
)
def test_snntorch(torch, name, options):
    snntorch = pytest.importorskip("snntorch")
    layer = getattr(snntorch, name)(**options)
    call = find_call(layer)
    assert call.convention in (C.STEP, C.STEP_STATE)
    assert (call.sure, call.dtype) == (True, "float32")
    found = call.run(strong(call))
    assert found.V is not None
    expected = by_hand(torch, kept(layer), strong(call))
    assert expected.sum() > 10
    assert np.array_equal(found.spikes, expected)


@pytest.mark.parametrize("name", ["LIFCell", "LIFBoxCell", "LIFRefracCell"])
def test_norse_cells(torch, name):
    norse = pytest.importorskip("norse.torch")
    call = find_call(getattr(norse, name)())
    assert (call.convention, call.sure, call.spikes.path) == (C.STEP_STATE, True, "0")
    assert call.V.rpartition(".")[2] == "v"
    x = 4 * strong(call)
    expected = by_hand(torch, handed(getattr(norse, name)()), x)
    assert expected.sum() > 10
    assert np.array_equal(call.run(x).spikes, expected)


def test_norse_layers_take_all_steps(torch):
    norse = pytest.importorskip("norse.torch")
    call = find_call(norse.LIF())
    assert (call.convention, codes(call)) == (C.TIME_FIRST, set())
    x = 4 * strong(call)
    assert np.array_equal(call.run(x).spikes, find_call(norse.LIFCell()).run(x).spikes)


@pytest.mark.parametrize("name", ["IFNode", "LIFNode", "ParametricLIFNode"])
def test_spikingjelly_in_either_mode(torch, name):
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    single = find_call(getattr(neuron, name)())
    several = find_call(getattr(neuron, name)(step_mode="m"))
    assert (single.convention, several.convention) == (C.STEP, C.TIME_FIRST)
    assert single.V == "kept.v"
    spikes = single.run(X).spikes
    assert np.array_equal(spikes, several.run(X).spikes)
    assert np.array_equal(spikes, by_hand(torch, kept(getattr(neuron, name)()), X))
    container = find_call(torch.nn.Sequential(getattr(neuron, name)()))
    assert codes(container) == {"one-step"}  # its parts have a reset


def test_rockpool_is_batch_first(torch):
    modules = pytest.importorskip("rockpool.nn.modules")
    call = find_call(modules.LIFTorch(1, dt=1e-3))
    assert (call.convention, str(call.manner.layout)) == (C.BATCH_FIRST, "(batch, time, 1)")
    spikes = call.run(X).spikes
    with torch.no_grad():
        answer, _, _ = modules.LIFTorch(1, dt=1e-3)(torch.tensor(X.T[:, :, None]).float())
    assert np.array_equal(spikes, answer[:, :, 0].numpy().T)
    assert spikes.sum() > 10


@pytest.mark.parametrize("name", ["LIF", "IAF", "LIFSqueeze"])
def test_sinabs_is_batch_first_unless_squeezed(torch, name):
    layers = pytest.importorskip("sinabs.layers")
    options = {"tau_mem": 20.0} if name != "IAF" else {}
    options |= {"batch_size": 1} if name == "LIFSqueeze" else {}
    call = find_call(getattr(layers, name)(**options))
    squeezed = name == "LIFSqueeze"
    assert call.convention is (C.TIME_FIRST if squeezed else C.BATCH_FIRST)
    x = torch.tensor(4 * strong(call)).float()
    with torch.no_grad():
        answer = getattr(layers, name)(**options)(x if squeezed else x.T)
    answer = answer if squeezed else answer.T
    assert answer.sum() > 10
    assert np.array_equal(call.run(x.numpy()).spikes, answer.numpy())


def test_a_fixed_number_of_steps_is_told(torch):
    layers = pytest.importorskip("sinabs.layers")
    with pytest.raises(InputError, match="IAFSqueeze takes 10 steps a call"):
        find_call(layers.IAFSqueeze(num_timesteps=10))


def loop(torch, x, decay=0.9, size=None, mix=None):
    V, out = torch.zeros(size) if size else torch.zeros_like(x[0]), []
    for I in x:  # noqa: E741
        V = decay * V + 0.2 * I
        shown = mix(V) if mix else V
        out.append((shown >= 1).to(x.dtype))
        V = V * (1 - out[-1])
    return torch.stack(out)


def reference(x, decay=0.9):
    V, out = np.zeros(x.shape[1], dtype=np.float32), []
    for I in x.astype(np.float32):  # noqa: E741
        V = np.float32(decay) * V + np.float32(0.2) * I
        out.append(V >= 1)
        V = np.where(out[-1], np.float32(0), V)
    return np.array(out)


def test_training_mode_is_left_for_the_check(torch):
    class Normed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.norm = torch.nn.BatchNorm1d(1, eps=0.0)

        def forward(self, x):
            return loop(torch, x, mix=lambda V: self.norm(V[:, None])[:, 0])

    class Dropped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, x):
            return loop(torch, self.drop(x))

    class Shared(torch.nn.Module):
        def forward(self, x):
            return loop(torch, x, mix=lambda V: V + V.mean() if self.training else V)

    for kind in (Normed, Dropped, Shared):
        layer = kind()
        call = find_call(layer)
        assert codes(call) == {"training"}
        assert layer.training  # the user's own stays as it is
        assert np.array_equal(call.run(X).spikes, reference(X))
    always = type("Always", (torch.nn.Module,), {"training_matters": False})
    always.forward = lambda self, x: loop(torch, x, mix=lambda V: V + V.mean())
    assert "coupled" in codes(find_call(always().eval()))


def test_a_parameter_for_each_neuron(torch):
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.decay = torch.nn.Parameter(torch.linspace(0.8, 0.9, 10))

        def forward(self, x):
            return loop(torch, x, self.decay, 10)

    adapter = as_adapter(Layer())
    assert "10 neurons of its own" in adapter.remarks[0]
    adapter.build(Setup(neurons=3, dtype="float32"))
    assert [len(t) for t in adapter.run(X).spike_times_ms] == reference(X, 0.8).sum(0).tolist()
    adapter = as_adapter(Layer(), neuron=9)
    adapter.build(Setup(neurons=3, dtype="float32"))
    assert [len(t) for t in adapter.run(X).spike_times_ms] == reference(X, 0.9).sum(0).tolist()
    with pytest.raises(InputError, match=r"no neuron 10 \(from 0\) among 10"):
        find_call(Layer(), neuron=10)
    last = find_call(Layer(), neuron=9)
    assert (last.width, "neurons-differ" in codes(last)) == (10, True)
    assert np.array_equal(last.run(X).spikes, reference(X, 0.9))


def test_five_axes_with_a_parameter_for_each_channel(torch):
    class Layer(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.decay = torch.nn.Parameter(torch.full((3, 1, 1), 0.9))

        def forward(self, x):
            _, _, channels, _, _ = x.shape
            assert channels == 3
            return loop(torch, x, self.decay)

    call = find_call(Layer())
    assert str(call.manner.layout) == "(time, batch, 3, 1, 1)"
    assert codes(call) == {"fixed-width", "axes"}
    assert np.array_equal(call.run(X).spikes, reference(X))


def test_a_layer_that_mixes_its_neurons_is_told(torch):
    class Mixed(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(10, 10)

        def forward(self, x):
            return loop(torch, self.linear(x))

    torch.manual_seed(1)
    assert {"coupled", "fixed-width"} <= codes(find_call(Mixed()))


class Stepped:
    """Source of a module that takes one step."""

    @staticmethod
    def make(torch, resets):
        class OneStep(torch.nn.Module):
            V = None

            def forward(self, x):
                self.V = 0.2 * x if self.V is None else 0.9 * self.V + 0.2 * x
                spikes = (self.V >= 1).float()
                self.V = self.V * (1 - spikes)
                return spikes

        if resets:
            OneStep.reset = lambda self: setattr(self, "V", None)
        return OneStep()


def test_one_step_modules_are_driven_and_reset(torch):
    adapter = as_adapter(Stepped.make(torch, True))
    expected = reference(X).sum(0).tolist()
    adapter.build(Setup(neurons=3, dtype="float32"))
    for _ in range(2):
        assert [len(t) for t in adapter.run(X).spike_times_ms] == expected
        adapter.reset()
    without = as_adapter(Stepped.make(torch, False))
    without.build(Setup(neurons=3, dtype="float32"))
    without.run(X)
    with pytest.raises(CannotRepresent, match="no method `reset`"):
        without.reset()
    made = as_adapter(lambda setup: Stepped.make(torch, True))  # a factory
    for _ in range(2):
        made.build(Setup(neurons=3, dtype="float32"))
        assert [len(t) for t in made.run(X).spike_times_ms] == expected


def test_gradients_and_compilers(torch):
    class Trained(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.decay = torch.nn.Parameter(torch.tensor(0.9))

        def forward(self, x):
            return loop(torch, x, self.decay)

    spikes = reference(X)
    assert np.array_equal(find_call(Trained()).run(X).spikes, spikes)
    compiled = find_call(torch.compile(Trained()))
    assert codes(compiled) == {"compiled"}
    assert np.array_equal(compiled.run(X).spikes, spikes)
    function = find_call(lambda x: loop(torch, x))  # of tensors
    assert function.manner.medium.library == "torch"
    assert np.array_equal(function.run(X.astype(np.float32)).spikes, spikes)


def test_what_is_missing_is_said(torch):
    class Labelled(torch.nn.Module):
        def forward(self, x, labels):
            return x + labels.sum()

    with pytest.raises(InputError, match=r"Labelled\(x, labels\) cannot be driven by currents"):
        find_call(Labelled())
    adapter = as_adapter(torch.nn.Conv2d(3, 4, 3))
    assert "Conv2d(input) cannot be called with (time, batch): RuntimeError" in adapter.trouble
    assert "give the neuron alone" not in adapter.trouble


def test_of_a_network_a_neuron_is_named(torch):
    class Leaky(torch.nn.Module):
        """A neuron that is no layer of PyTorch's own."""

        def forward(self, x):
            return (x > 1).to(x.dtype)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weights, self.lif1 = torch.nn.Linear(10, 5), Leaky()

        def forward(self, x):
            return self.lif1(self.weights(x))

    adapter = as_adapter(Net())
    assert adapter.trouble.endswith("give the neuron alone, such as its attribute lif1")


def test_a_module_from_a_factory_is_run_in_eval(torch):
    class Dropped(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.drop = torch.nn.Dropout(0.5)

        def forward(self, x):
            return loop(torch, self.drop(x))

    adapter = as_adapter(lambda setup: Dropped())
    for _ in range(2):
        adapter.build(Setup(neurons=3, dtype="float32"))
        trains = adapter.run(X).spike_times_ms
        assert [len(t) for t in trains] == reference(X).sum(0).tolist()
    assert "training mode" in adapter.remarks[0]
