"""Exact simulation of LIF neurons, checks of LIF layers, and a hybrid network for inpainting.

::

    image + mask -> fills          first guesses for the missing pixels     data, network
                 -> convolution    feature maps                             network
                 -> currents       clipped into Table 1's band              network
                 -> LIF neurons    eq. 1 in Brian2, exact spike times       neuron
                 -> firing rates   normalised to [0, 1]                     network
                 -> CNN            five convolutions in NumPy               network
                 -> image          known pixels untouched                   restoration

`simulate` runs the neurons, `firing_rate` and `current_for_rate` are their closed form,
`inpaint` restores pictures.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bio_scnn._moved import keep_old_names
from bio_scnn._version import __version__ as __version__  # in no list of names, as usual
from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import current_for_rate, firing_rate
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import Recording, simulate

if TYPE_CHECKING:
    from bio_scnn.restoration.inpainting import inpaint, restore
    from bio_scnn.restoration.result import Restoration

__all__ = [
    "TABLE_1",
    "InputError",
    "LIFParameters",
    "Recording",
    "Restoration",
    "current_for_rate",
    "firing_rate",
    "inpaint",
    "restore",
    "simulate",
]

# Neurons and checks need NumPy and SciPy only, so that they run in a browser. What reads
# pictures is loaded when it is first used.
_LATER = {"Restoration": "result", "inpaint": "inpainting", "restore": "inpainting"}
_WINGS = {"data", "network", "restoration"}


def __getattr__(name: str) -> Any:
    if name in _WINGS:
        return import_module(f"bio_scnn.{name}")
    if name not in _LATER:
        raise AttributeError(f"module 'bio_scnn' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"bio_scnn.restoration.{_LATER[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_WINGS})


keep_old_names()
