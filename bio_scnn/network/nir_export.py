"""The trained network as a NIR graph, as far as NIR can say it."""

from __future__ import annotations

import io
import itertools
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bio_scnn.errors import InputError
from bio_scnn.network.architecture import Architecture
from bio_scnn.network.cnn import ConvLayer, layer_names
from bio_scnn.network.conv2d import same_padding
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.units import LIFUnit
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.runtime.config import to_table
from bio_scnn.runtime.files import write_whole

if TYPE_CHECKING:
    import nir

FORMAT = "bio_scnn.nir.1"


class NIRLossWarning(UserWarning):
    """A NIR file does not hold everything that the network does."""


def export_nir(
    model: HybridSCNN,
    path: str | Path,
    *,
    input_shape: tuple[int, int],
    part: Literal["all", "spiking"] = "all",
) -> nir.NIRGraph:
    """Write a network as a NIR graph.

    Parameters
    ----------
    model : HybridSCNN
    path : str or Path
    input_shape : (int, int)
        Rows and columns of the image in pixels: a NIR neuron is one of a fixed number.
    part : {"all", "spiking"}
        With ``"spiking"`` only the chain from the folded input to the spikes, which has one
        input and one output, as most frameworks want it.

    Returns
    -------
    nir.NIRGraph
        What was written.

    Raises
    ------
    InputError
        If `nir` is not installed, the network's neurons are others than LIF, the shape does not
        suit it, or the file cannot be written.

    Warns
    -----
    NIRLossWarning
        Once, with all properties that NIR cannot store; they are also in the graph's metadata.

    Notes
    -----
    The chain ``input -> snn -> encode -> lif -> spikes`` holds the convolution of the checkpoint,
    the encoder ``I_min + (I_max - I_min) z`` as a 1 x 1 convolution (`nir.Scale` has no offset,
    `nir.Affine` no maps), and one LIF neuron per feature and pixel, its tau in seconds. After
    it, ``rates -> normalise`` maps rates in Hz to what the CNN sees, and every layer of the CNN
    is a convolution between an input and an output of its own, because an operation that NIR
    lacks follows each. ``before`` and ``after`` in a node's metadata name these operations. NIR
    has no field for the refractory period: ``t_ref`` is in the LIF node's metadata, in seconds.
    """
    try:
        import nir
    except ModuleNotFoundError:
        raise InputError("export_nir needs nir, not installed here: pip install nir") from None
    if part not in ("all", "spiking"):
        raise InputError(f"part {part!r} is unknown; choose from all, spiking")
    a = model.architecture
    model.unit.require_lif("export_nir")
    rows, columns = input_shape
    if min(rows, columns) < 1 or rows % a.multiple or columns % a.multiple:
        raise InputError(
            f"input_shape (={rows} x {columns} pixels) must be multiples of {a.multiple}"
        )
    size = rows // a.fold, columns // a.fold
    nodes, edges = _spiking(model, size)
    if part == "all":
        more_nodes, more_edges = _cnn(model, size)
        nodes, edges = nodes | more_nodes, edges + more_edges
    lost = not_in_nir(a, model.lif, part)
    metadata = {
        "format": FORMAT,
        "architecture": json.dumps(to_table(a)),
        "lif": json.dumps(to_table(model.lif)),
        "not_in_nir": "; ".join(lost),
    }
    graph = nir.NIRGraph(nodes, edges, metadata=metadata)
    buffer = io.BytesIO()
    nir.write(buffer, graph)
    write_whole(Path(path), buffer.getvalue())
    warnings.warn(
        f"NIR cannot hold, and {path} therefore lacks: {'; '.join(lost)}",
        NIRLossWarning,
        stacklevel=2,
    )
    return graph


def not_in_nir(
    architecture: Architecture, lif: LIFParameters, part: Literal["all", "spiking"] = "all"
) -> list[str]:
    """Parts of a network, or of its spiking part, that NIR has no words for."""
    folding = " and the folding of pixels into channels" if architecture.fold > 1 else ""
    lost = [
        f"the fills{folding} before the first convolution",
        "the clip of the features to [0, 1] before the encoder",
    ]
    if lif.t_ref_ms:
        lost.append(f"the refractory period of {lif.t_ref_ms:g} ms (t_ref in the metadata)")
    lost.append("the reading of rates from spikes")
    if part == "spiking":
        return lost
    layers = architecture.layers
    if any(layer.relu for layer in layers):
        lost.append("the rectifiers")
    if any(layer.residual for layer in layers):
        lost.append("the residual connections inside the CNN")
    if any(layer.see_rates for layer in layers):
        lost.append("the concatenation with the rates")
    if any(layer.upsample > 1 for layer in layers):
        lost.append("the pixel shuffles")
    if architecture.residual:
        lost.append("the weighing of the fills and the addition of the residual")
    return lost


def _spiking(model: HybridSCNN, size: tuple[int, int]) -> tuple[dict[str, Any], list]:
    """The chain from the folded input to the spikes."""
    import nir

    a, p = model.architecture, model.lif
    shape = (a.channels, *size)
    low, high = LIFUnit(p).band

    def full(value: float) -> NDArray[np.float64]:
        return np.full(shape, value)

    nodes = {
        "input": nir.Input({"input": np.array([a.input_channels, *size])}),
        "snn": _conv(
            ConvLayer(a.channels, kernel=a.kernel),
            model.params["snn.weight"].transpose(3, 2, 0, 1),
            model.params["snn.bias"],
            size,
            {"before": f"fills and mask, {a.fold} x {a.fold} pixels as channels"},
        ),
        "encode": _per_channel(high - low, low, a.channels, size, {"before": "clip to [0, 1]"}),
        "lif": nir.LIF(
            tau=full(p.tau_ms / 1e3),
            r=full(p.R),
            v_leak=full(p.V_rest),
            v_threshold=full(p.V_th),
            v_reset=full(p.V_reset),
            metadata={"t_ref": p.t_ref_ms / 1e3, "after": "rates in Hz are read from the spikes"},
        ),
        "spikes": nir.Output({"output": np.array(shape)}),
    }
    return nodes, _chain(*nodes)


def _cnn(model: HybridSCNN, size: tuple[int, int]) -> tuple[dict[str, Any], list]:
    """The layers behind the neurons, each on its own."""
    import nir

    a, p = model.architecture, model.lif
    band = p.rate_max_hz - p.rate_min_hz
    shape = np.array([a.channels, *size])
    nodes: dict[str, Any] = {
        "rates": nir.Input({"input": shape}),
        # The CNN sees the normalised rates less 1/2.
        "normalise": _per_channel(1 / band, -p.rate_min_hz / band - 0.5, a.channels, size, {}),
        "normalised": nir.Output({"output": shape}),
    }
    edges = _chain(*nodes)
    for name, layer in zip(layer_names(a.layers), a.layers, strict=True):
        weight = model.params[f"{name}.weight"].transpose(3, 2, 0, 1)
        metadata = {}
        if layer.see_rates:
            metadata["before"] = "the normalised rates are appended to the channels"
        after = [
            word
            for word, present in (
                ("add the input", layer.residual),
                ("rectify", layer.relu),
                (f"unfold {layer.upsample} x {layer.upsample} pixels", layer.upsample > 1),
            )
            if present
        ]
        if layer is a.layers[-1] and a.residual:
            after.append("choose between the fills and add a residual")
        if after:
            metadata["after"] = ", ".join(after)
        conv = _conv(layer, weight, model.params[f"{name}.bias"], size, metadata)
        ends = {
            f"{name}_input": nir.Input({"input": np.array([weight.shape[1], *size])}),
            name: conv,
            f"{name}_output": nir.Output({"output": conv.output_type["output"]}),
        }
        nodes |= ends
        edges += _chain(*ends)
        _, height, width = map(int, conv.output_type["output"])
        size = height * layer.upsample, width * layer.upsample
    return nodes, edges


def _conv(
    layer: ConvLayer,
    weight: NDArray,
    bias: NDArray,
    size: tuple[int, int],
    metadata: dict[str, str],
) -> Any:
    """A layer's convolution; `nir.Conv2d` knows only padding that is even."""
    import nir

    padding = []
    for side in size:
        _, before, after = same_padding(side, layer.kernel, layer.stride, layer.dilation)
        if before != after:
            raise InputError(
                f"NIR knows no uneven padding, and a kernel of {layer.kernel} with stride "
                f"{layer.stride} on {side} pixels needs {before} before and {after} after"
            )
        padding.append(before)
    return nir.Conv2d(
        input_shape=size,
        weight=np.ascontiguousarray(weight),
        stride=(layer.stride,) * 2,
        padding=tuple(padding),
        dilation=(layer.dilation,) * 2,
        groups=1,
        bias=bias,
        metadata=metadata,
    )


def _per_channel(
    slope: float, offset: float, channels: int, size: tuple[int, int], metadata: dict[str, str]
) -> Any:
    """``slope x + offset`` in every map: a diagonal kernel, which all frameworks can import."""
    weight = slope * np.eye(channels)[:, :, np.newaxis, np.newaxis]
    layer = ConvLayer(channels, kernel=1)
    return _conv(layer, weight, np.full(channels, offset), size, metadata)


def _chain(*names: str) -> list[tuple[str, str]]:
    return list(itertools.pairwise(names))
