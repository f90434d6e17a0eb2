"""An exact reference for spiking layers, and a hybrid spiking-convolutional inpainting network.

::

    image + mask -> fill           first guess for the missing pixels     fills
                 -> convolution    feature maps                           convolution
                 -> currents       clipped into Table 1's band            encoding
                 -> LIF neurons    eq. 1 in Brian2, exact spike times     lif
                 -> firing rates   normalised to [0, 1]                   encoding
                 -> CNN            five convolutions in NumPy             cnn, layers, winograd
                 -> image          known pixels untouched                 restoration

`simulate` runs the neurons, `firing_rate` and `current_for_rate` are their closed form,
`inpaint` restores pictures.
"""

from bio_scnn.errors import InputError
from bio_scnn.neuron.closed_form import current_for_rate, firing_rate
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.neuron.simulation import Recording, simulate
from bio_scnn.restoration.inpainting import inpaint, restore
from bio_scnn.restoration.result import Restoration

__version__ = "0.1.0"

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
