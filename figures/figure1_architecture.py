"""Figure 1: the architecture, drawn from a model as it runs: shapes, kernels, parameters, spikes.

A picture passes through the model's own stages. All drawn values, and those written as JSON, come
from its layers, its weights and its output arrays; none is typed in a second time.
"""

from __future__ import annotations

import argparse
import base64
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.commands.options import run
from bio_scnn.data.datasets import embedded_images
from bio_scnn.data.images import read_rgb
from bio_scnn.data.masks import make_mask
from bio_scnn.network.architecture import network_input
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.cnn import LayerTape, layer_names
from bio_scnn.network.conv2d import depth_to_space
from bio_scnn.network.hybrid import HybridSCNN
from bio_scnn.network.options import CLOSED_FORM
from bio_scnn.network.units import LIFUnit
from bio_scnn.neuron.simulation import simulate
from figures import _slabs as slabs
from figures import common
from tools import drawing

MODEL = "inpaint"
SIDE = 256  # pixels of the picture
THUMBNAIL = 72
TRAINS, DURATION_MS = 8, 50.0  # of the spikes shown
KINDS = {"lif": "LIF neurons (Brian2)", "relu": "rectifiers", "one-step": "one-step neurons"}
SPIKES = {"lif": "trains", "relu": None, "one-step": "one binary spike"}


def measure(name: str = MODEL, side: int = SIDE) -> dict[str, Any]:
    """Every stage and connection of a shipped model, for a photograph of ``side x side``."""
    model, _ = load_model(model_path(name))
    photograph = read_rgb(embedded_images()[0])[:side, 100 : 100 + side]
    mask = make_mask("strokes", (side, side), np.random.default_rng(5))
    return {"model": Path(name).stem} | describe(model, photograph / 255, mask)


@dataclass
class Diagram:
    """Stages of a model, and the connections between them."""

    model: HybridSCNN
    rows: int  # of the picture
    stages: list[dict[str, Any]] = field(default_factory=list)
    connections: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, kind: str, out: NDArray, **more: Any) -> None:
        """Append a stage, whose result is an array ``(H, W, C)``."""
        own = [value for key, value in self.model.params.items() if key.split(".")[0] == name]
        stage = {
            "name": name,
            "kind": kind,
            "shape": list(out.shape),
            "resolution": out.shape[0] / self.rows,
            "parameters": sum(value.size for value in own),
            "spikes": None,
        }
        self.stages.append(stage | more)

    def connect(self, kind: str, source: str, target: str, channels: int) -> None:
        """Append a connection."""
        ends = {"from": source, "to": target, "channels": channels}
        self.connections.append({"kind": kind} | ends)

    def add_cnn(self, tapes: list[LayerTape]) -> None:
        """Append the layers behind the neurons, from what each saw and made."""
        layers, params = self.model.architecture.layers, self.model.params
        for name, layer, (seen, y) in zip(layer_names(layers), layers, tapes, strict=True):
            before = self.stages[-1]
            channels = seen.shape[-1]
            if layer.see_rates:
                self.connect("concatenation", "neurons", name, channels - before["shape"][-1])
            if layer.residual:
                self.connect("residual", before["name"], name, channels)
            self.add(
                name,
                "convolution + ReLU" if layer.relu else "convolution",
                y[0],
                kernel=len(params[f"{name}.weight"]),
                stride=layer.stride,
                dilation=layer.dilation,
                input_channels=channels,
            )
            if layer.upsample > 1:
                shuffled = depth_to_space(y, layer.upsample)[0]
                self.add(f"{name} shuffle", "pixel shuffle", shuffled, factor=layer.upsample)


def describe(model: HybridSCNN, picture: NDArray, mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Run a picture ``(H, W, 3)`` through a model, and write down what each stage makes of it."""
    a, rng = model.architecture, np.random.default_rng(0)
    diagram = Diagram(model, len(picture))
    fill = a.guess(picture, mask)
    diagram.add("fills", "fills + mask", np.dstack([fill, mask]), fills=list(a.fills))
    x = network_input(a, fill, mask)
    if a.fold > 1:
        diagram.add("fold", "fold", x, factor=a.fold)
    # The neurons' closed form agrees with their simulation to rounding, and takes no time.
    z = model.features(x, CLOSED_FORM, rng)
    first = {"kernel": len(model.params["snn.weight"]), "stride": 1, "dilation": 1}
    diagram.add("snn", "convolution", z, **first, input_channels=x.shape[-1])
    rates = model.fire(z).rates
    neurons = {"spikes": SPIKES[a.neurons], "units": rates.size}
    diagram.add("neurons", KINDS[a.neurons], rates, **neurons)
    tapes: list[LayerTape] = []
    restored = model.decode(fill, rates, tapes)
    diagram.add_cnn(tapes)
    if a.residual:
        diagram.connect("composition", "fills", "composition", fill.shape[-1])
        diagram.add("composition", "composition", restored)
    return {
        "picture": list(picture.shape),
        "stages": diagram.stages,
        "connections": diagram.connections,
        "parameters": sum(stage["parameters"] for stage in diagram.stages),
        "spike_trains_ms": spike_trains(model, z) if model.unit.simulated else [],
        "duration_ms": DURATION_MS,
        "input_png": thumbnail(np.where(mask[..., np.newaxis], 1.0, picture)),
        "output_png": thumbnail(np.where(mask[..., np.newaxis], restored, picture)),
    }


def spike_trains(model: HybridSCNN, z: NDArray) -> list[list[float]]:
    """Simulated spikes of some neurons in the picture's middle, slowest to fastest, ms."""
    middle = np.sort(z[z.shape[0] // 2, z.shape[1] // 2])
    some = middle[np.linspace(0, len(middle) - 1, TRAINS).astype(int)]
    recording = simulate(
        LIFUnit(model.lif).currents(some),
        model.lif,
        duration_ms=DURATION_MS,
        record=range(TRAINS),
        target="numpy",
    )
    return [np.round(train, 3).tolist() for train in recording.spike_trains_ms]


def thumbnail(image: NDArray) -> str:
    """A small PNG of an image in [0, 1], in base64: what JSON can hold."""
    pixels = Image.fromarray(np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8))
    pixels.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = io.BytesIO()
    pixels.save(buffer, "png", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


@drawing.styled
def draw(data: dict[str, Any]) -> Any:
    """The diagram, see `_slabs`."""
    return slabs.diagram(data)


def main(args: argparse.Namespace | None = None) -> None:
    """Run, draw, save; a model other than the default puts its name into those of the files."""
    if args is None:
        p = common.parser(__doc__)
        p.add_argument(
            "--model",
            default=MODEL,
            metavar="NAME",
            help="a shipped model (inpaint, paper, cnn_twin, one_step) or a file (default: "
            "%(default)s)",
        )
        args = common.arguments(p)
    data = measure(getattr(args, "model", MODEL))
    suffix = "" if data["model"] == MODEL else f"_{data['model']}"
    drawing.save(args, f"figure1_architecture{suffix}", draw(data), data)


if __name__ == "__main__":
    run(main)
