"""The implementations that can be checked by name, and where they come from.

Each module holds the adapters of one framework and imports it only when a layer is built.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from bio_scnn.crossval.protocol import Adapter
from bio_scnn.errors import InputError
from bio_scnn.runtime.provenance import installed_version


@dataclass(frozen=True)
class Entry:
    """One adapter that is known by name.

    Attributes
    ----------
    name : str
    factory : str
        ``"module:object"`` under this package; called without arguments it gives the adapter.
    distributions : tuple of str
        What has to be installed, as the package index names it.
    summary : str
        A line for listings.
    apart : str
        Why it needs an environment of its own; empty if the extra ``validate`` brings it.
    """

    name: str
    factory: str
    distributions: tuple[str, ...] = ()
    summary: str = ""
    apart: str = ""

    def missing(self) -> tuple[str, ...]:
        """The distributions that are not installed."""
        return tuple(name for name in self.distributions if not installed_version(name))

    def load(self) -> Adapter:
        """The adapter.

        Raises
        ------
        InputError
            If it needs what is not installed.
        """
        if missing := self.missing():
            raise InputError(
                f"{self.name} needs {' and '.join(missing)}, not installed here: "
                f"pip install {' '.join(missing)}"
            )
        module, _, name = self.factory.partition(":")
        adapter: Adapter = getattr(importlib.import_module(f"{__name__}.{module}"), name)()
        return adapter


_OLD_NIR = "requires nir <= 1.0.4, with which other frameworks' NIR import breaks"

ENTRIES: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        Entry("exact", "own:Exact", (), "bio_scnn's reference: exact mode in Brian2"),
        Entry("closed-form", "own:ClosedForm", (), "event-driven closed form, NumPy"),
        Entry("nengo", "nengo:NengoLIF", ("nengo",), "nengo.LIF in a nengo.Simulator"),
        Entry(
            "nengo-adaptive",
            "nengo:NengoAdaptiveLIF",
            ("nengo",),
            "nengo.AdaptiveLIF, its adaptation held over each step",
        ),
        Entry("nest-delta", "nest:NestDelta", ("nest-simulator",), "NEST's iaf_psc_delta"),
        Entry(
            "nest-delta-ps",
            "nest:NestDeltaPrecise",
            ("nest-simulator",),
            "NEST's iaf_psc_delta_ps, with precise spike times",
        ),
        Entry("nest-exp", "nest:NestExp", ("nest-simulator",), "NEST's iaf_psc_exp"),
        Entry(
            "nest-exp-synaptic",
            "nest:NestExpSynaptic",
            ("nest-simulator",),
            "NEST's iaf_psc_exp behind its synapse, a CubaLIF",
        ),
        Entry(
            "neuron-cvode",
            "neuron:NeuronCvode",
            ("neuron",),
            "NEURON: passive section and threshold event, CVODE",
        ),
        Entry(
            "neuron-backward-euler",
            "neuron:NeuronBackwardEuler",
            ("neuron",),
            "NEURON: the same, its default fixed step",
        ),
        Entry("brainpy", "brainpy:BrainPyLIF", ("brainpy",), "brainpy.dyn.LifRef"),
        Entry("arbor", "arbor:ArborLIF", ("arbor",), "arbor.lif_cell, one event per step"),
        Entry("spyx", "spyx:SpyxLIF", ("spyx",), "spyx.nn.LIF"),
        Entry("brian2-stock", "stock_brian2:StockBrian2", (), "a plain Brian2 script"),
        Entry("paper-one-step", "paper_layer:ForwardMethod", (), "the paper's forward method"),
        Entry("snntorch", "snntorch:Leaky", ("snntorch", "torch"), "Leaky, reset to zero"),
        Entry(
            "snntorch-synaptic",
            "snntorch:Synaptic",
            ("snntorch", "torch"),
            "Synaptic, a CubaLIF, reset without delay",
        ),
        Entry("norse", "norse:Box", ("norse", "torch"), "norse.torch.LIFBoxCell"),
        Entry("norse-refractory", "norse:Refractory", ("norse", "torch"), "LIFRefracCell"),
        Entry("norse-synaptic", "norse:Synaptic", ("norse", "torch"), "LIFCell, a CubaLIF"),
        Entry("lava-float", "lava:LavaFloat", (), "Lava's floating-point LIF, by its formula"),
        Entry("lava-fixed", "lava:LavaFixed", (), "Lava's fixed-point LIF, by its formula"),
        Entry("spikingjelly", "spikingjelly:LIFNode", ("spikingjelly", "torch"), "neuron.LIFNode"),
        Entry(
            "spikingjelly-plif",
            "spikingjelly:ParametricLIF",
            ("spikingjelly", "torch"),
            "neuron.ParametricLIFNode",
        ),
        Entry(
            "spikingjelly-if",
            "spikingjelly:IFNode",
            ("spikingjelly", "torch"),
            "neuron.IFNode, an IF",
        ),
        Entry("rockpool", "rockpool:LIFNeuron", ("rockpool", "torch"), "LIFNeuronTorch"),
        Entry(
            "sinabs",
            "sinabs:LIF",
            ("sinabs", "torch"),
            "sinabs.layers.LIF with SingleSpike and MembraneReset",
            apart=_OLD_NIR,
        ),
        Entry("sinabs-iaf", "sinabs:IAF", ("sinabs", "torch"), "sinabs.layers.IAF", _OLD_NIR),
        Entry(
            "sinabs-expleak",
            "sinabs:ExpLeak",
            ("sinabs", "torch"),
            "sinabs.layers.ExpLeak, a leaky integrator",
            _OLD_NIR,
        ),
    )
}
