"""Figure 1: the architecture, drawn from a model as it runs: shapes, kernels, parameters, spikes.

A picture is sent through the model's own stages. What is drawn, and written as JSON, is read off
its layers, its weights and the arrays that come out; nothing is typed in a second time.
"""

from __future__ import annotations

import argparse
import base64
import io
from pathlib import Path
from typing import Any

import _slabs as slabs
import common
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.commands.options import run
from bio_scnn.data.datasets import embedded_images
from bio_scnn.data.images import read_rgb
from bio_scnn.data.masks import make_mask
from bio_scnn.network import cnn
from bio_scnn.network.architecture import network_input
from bio_scnn.network.checkpoint import load_model, model_path
from bio_scnn.network.conv2d import depth_to_space
from bio_scnn.network.hybrid import HybridSCNN, SpikingOptions
from bio_scnn.network.units import encode
from bio_scnn.neuron.simulation import simulate

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


def describe(model: HybridSCNN, picture: NDArray, mask: NDArray[np.bool_]) -> dict[str, Any]:
    """Run a picture ``(H, W, 3)`` through a model, and write down what each stage makes of it."""
    a, rng = model.architecture, np.random.default_rng(0)
    stages: list[dict[str, Any]] = []
    connections: list[dict[str, Any]] = []

    def add(name: str, kind: str, out: NDArray, **more: Any) -> None:
        own = [value for key, value in model.params.items() if key.split(".")[0] == name]
        stages.append(
            {
                "name": name,
                "kind": kind,
                "shape": list(out.shape),
                "resolution": out.shape[0] / len(picture),
                "parameters": sum(value.size for value in own),
                "spikes": None,
            }
            | more
        )

    def connect(kind: str, source: str, target: str, channels: int) -> None:
        ends = {"from": source, "to": target, "channels": channels}
        connections.append({"kind": kind} | ends)

    fill = a.guess(picture, mask)
    add("fills", "fills + mask", np.dstack([fill, mask]), fills=list(a.fills))
    x = network_input(a, fill[np.newaxis], mask[np.newaxis])[0]
    if a.fold > 1:
        add("fold", "fold", x, factor=a.fold)
    # The neurons' closed form agrees with their simulation to rounding, and takes no time.
    options = SpikingOptions(engine="closed-form")
    z = model.features(x, options, rng)
    taps = len(model.params["snn.weight"])
    add("snn", "convolution", z, kernel=taps, stride=1, dilation=1, input_channels=x.shape[-1])
    rates = model.fire(z, options, rng).rates
    add("neurons", KINDS[a.neurons], rates, spikes=SPIKES[a.neurons], units=rates.size)

    batch = rates[np.newaxis].astype(model.params["snn.weight"].dtype)
    output, traces = cnn.forward(a.layers, model.params, batch, keep=True)
    for name, layer, (seen, y) in zip(cnn.layer_names(a.layers), a.layers, traces, strict=True):
        before = stages[-1]
        if layer.see_rates:
            connect("concatenation", "neurons", name, seen.shape[-1] - before["shape"][-1])
        if layer.residual:
            connect("residual", before["name"], name, seen.shape[-1])
        add(
            name,
            "convolution + ReLU" if layer.relu else "convolution",
            y[0],
            kernel=len(model.params[f"{name}.weight"]),
            stride=layer.stride,
            dilation=layer.dilation,
            input_channels=seen.shape[-1],
        )
        if layer.upsample > 1:
            shuffled = depth_to_space(y, layer.upsample)[0]
            add(f"{name} shuffle", "pixel shuffle", shuffled, factor=layer.upsample)
    restored = a.compose(fill, output[0])
    if a.residual:
        connect("composition", "fills", "composition", fill.shape[-1])
        add("composition", "composition", restored)
    return {
        "picture": list(picture.shape),
        "stages": stages,
        "connections": connections,
        "parameters": sum(stage["parameters"] for stage in stages),
        "spike_trains_ms": spike_trains(model, z) if a.neurons == "lif" else [],
        "duration_ms": DURATION_MS,
        "input_png": thumbnail(np.where(mask[..., np.newaxis], 1.0, picture)),
        "output_png": thumbnail(np.where(mask[..., np.newaxis], restored, picture)),
    }


def spike_trains(model: HybridSCNN, z: NDArray) -> list[list[float]]:
    """Simulated spikes of some neurons in the picture's middle, slowest to fastest, ms."""
    middle = np.sort(z[z.shape[0] // 2, z.shape[1] // 2])
    some = middle[np.linspace(0, len(middle) - 1, TRAINS).astype(int)]
    recording = simulate(
        encode(some, model.lif),
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
    common.save(args, f"figure1_architecture{suffix}", draw(data), data)


if __name__ == "__main__":
    run(main)
