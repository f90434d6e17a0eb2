"""The hybrid network: the stages put together, and nothing else.

::

    fills + mask -> convolution -> features -> currents -> LIF -> normalised rates -> CNN -> image

`Architecture` says what is built, `SpikingOptions` how the neurons are run, and `HybridSCNN`
holds the weights and composes the stages.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bio_scnn.network import cnn
from bio_scnn.network.architecture import Architecture, network_input
from bio_scnn.network.cnn import LayerTape, Params
from bio_scnn.network.conv2d import conv2d, conv2d_backward
from bio_scnn.network.fft_convolution import feature_maps
from bio_scnn.network.options import CLOSED_FORM, SpikingOptions
from bio_scnn.network.units import UNITS, SpikingResult, Unit
from bio_scnn.neuron.parameters import TABLE_1, LIFParameters
from bio_scnn.runtime.processes import threads


@dataclass(frozen=True)
class HybridSCNN:
    """The network: an architecture, its weights, and its neurons' parameters.

    Its forward pass has three steps: `features`, `fire`, `decode`. They take one picture, without
    an axis for it, or a batch of patches:

    - a picture ``(H, W, C)`` may be large: its features are float64, and the threads of this
      process share the work;
    - a batch ``(N, H, W, C)`` is for training: all is computed in the weights' precision and in
      the calling thread, because other threads compute other shards.

    Attributes
    ----------
    params : dict of arrays
        ``snn.weight (k, k, C_in, C_out)`` and ``snn.bias`` of the spiking layer's convolution,
        and those of `bio_scnn.network.cnn`.
    """

    architecture: Architecture
    params: Params
    lif: LIFParameters = TABLE_1

    @property
    def unit(self) -> Unit:
        """The unit that turns a feature into a rate."""
        return UNITS[self.architecture.neurons](self.lif)

    def forward(
        self,
        fill: NDArray,
        mask: NDArray[np.bool_],
        options: SpikingOptions = CLOSED_FORM,
        rng: np.random.Generator | None = None,
    ) -> NDArray:
        """Restore pictures whose holes are filled: all steps in a row.

        Parameters
        ----------
        fill : array, shape (H, W, 3 * len(fills)) or (N, H, W, 3 * len(fills))
            First guesses, sides multiples of ``architecture.multiple``.
        mask : bool array, shape (H, W) or (N, H, W)
        options, rng
            As for `features` and `fire`.

        Returns
        -------
        array, shape (H, W, 3) or (N, H, W, 3)
        """
        z = self.features(network_input(self.architecture, fill, mask), options, rng)
        return self.decode(fill, self.fire(z, options, rng).rates)

    def features(
        self,
        x: NDArray,
        options: SpikingOptions = CLOSED_FORM,
        rng: np.random.Generator | None = None,
    ) -> NDArray:
        """Features: the input's convolution with the spiking layer's kernels, and static noise.

        Parameters
        ----------
        x : array, shape (H, W, C_in) or (N, H, W, C_in)
            From `bio_scnn.network.architecture.network_input`.
        options : SpikingOptions
            Its noise on the features is added, and that of the units.
        rng : Generator, optional
            Draws the noise; without it there is none.

        Returns
        -------
        z : array, shape (H, W, channels) or (N, H, W, channels)
        """
        weight, bias = self.params["snn.weight"], self.params["snn.bias"]
        z = feature_maps(x, weight, bias) if x.ndim == 3 else conv2d(x, weight, bias)
        if rng is None:
            if options.feature_noise:
                raise ValueError("noise on the features needs a random generator")
        elif std := self.unit.noise_std(options.feature_noise):
            z += std * rng.standard_normal(z.shape)
        return z

    def fire(
        self,
        z: NDArray,
        options: SpikingOptions = CLOSED_FORM,
        rng: np.random.Generator | None = None,
        layer_size: int = 0,
    ) -> SpikingResult:
        """Normalised rates of the neurons, one for each feature; see `Unit.fire`."""
        return self.unit.fire(z, options, rng, layer_size)

    def decode(
        self, fill: NDArray, rates: NDArray, tapes: list[LayerTape] | None = None
    ) -> NDArray:
        """Restored image: the CNN on normalised rates, in its weights' precision, and the fill.

        Parameters
        ----------
        fill : array, shape (H, W, 3 * len(fills)) or (N, H, W, 3 * len(fills))
        rates : array, shape (H / fold, W / fold, channels) or (N, ...)
        tapes : list, optional
            Each layer appends its input and output; of a picture, as a batch of one.

        Returns
        -------
        array, shape (H, W, 3) or (N, H, W, 3)
        """
        a, rates = self.architecture, rates.astype(self.params["snn.weight"].dtype, copy=False)
        if rates.ndim == 4:
            return a.compose(fill, cnn.forward(a.layers, self.params, rates, tapes=tapes))
        # Threads that each multiply a block beat a BLAS whose threads share every small product.
        with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as pool:
            output = cnn.forward(a.layers, self.params, rates[np.newaxis], tapes=tapes, pool=pool)
        return a.compose(fill, output[0])

    def backward(
        self,
        x: NDArray,
        z: NDArray,
        fill: NDArray,
        tapes: list[LayerTape],
        drestored: NDArray,
        *,
        clip_slope: float = 0.0,
    ) -> Params:
        """Carry a cotangent of restored images back to every parameter.

        Parameters
        ----------
        x, z, fill, tapes
            Input and features of a batch, with their noise; its fills; what `decode` recorded.
        drestored : array, shape (N, H, W, 3)
        clip_slope : float
            See `bio_scnn.network.units.Unit.backward`.

        Returns
        -------
        grads : dict of arrays, keys of params
        """
        doutput = self.architecture.compose_backward(fill, drestored)
        du, grads = cnn.backward(self.architecture.layers, self.params, tapes, doutput)
        dz = self.unit.backward(z, du, clip_slope=clip_slope)
        _, grads["snn.weight"], grads["snn.bias"] = conv2d_backward(
            x, self.params["snn.weight"], dz, need_dx=False
        )
        return grads

    def astype(self, dtype: np.typing.DTypeLike) -> HybridSCNN:
        """This network with weights of another precision."""
        return replace(self, params={k: v.astype(dtype) for k, v in self.params.items()})
