"""A restored picture and a window of its neurons as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import io
import json
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bio_scnn.data.images import from_float
from bio_scnn.explorer.page_data import LEVELS, value_range, window_data
from bio_scnn.explorer.window import Window
from bio_scnn.network.units import LIFUnit
from bio_scnn.neuron.parameters import LIFParameters
from bio_scnn.restoration.panel import marked, rgb

_OVERVIEW = 400  # pixels of a whole picture's longer side, in which the window is only marked
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, eq=False)
class Picture:
    """A restored picture, and what is known of it.

    Attributes
    ----------
    name, holes : str
        Name of the file, and what made the pixels missing.
    mask : bool array, shape (H, W)
        True where a pixel is missing.
    image, restored, truth : array, shape (H, W) or (H, W, C), in [0, 1]
        The image may have any values at missing pixels; `truth` is None if it is not known.
    hole_psnr : float, optional
        In dB; None without a truth.
    neurons, spikes : int
        Simulated to restore it.
    """

    name: str
    holes: str
    mask: NDArray[np.bool_]
    image: NDArray
    restored: NDArray
    truth: NDArray | None
    hole_psnr: float | None
    neurons: int
    spikes: int

    def views(self) -> dict[str, NDArray[np.float64]]:
        """Pictures to look at, by name: each (H, W, 3) in [0, 1]."""
        shown = {"masked": marked(self.image, self.mask), "restored": rgb(self.restored)}
        if self.truth is not None:
            shown["original"] = rgb(self.truth)
        return {name: np.clip(view, 0, 1) for name, view in shown.items()}


def explore_page(picture: Picture, window: Window, params: LIFParameters) -> str:
    """The page as text.

    Parameters
    ----------
    picture : Picture
    window : Window
        Recorded neurons of the same picture.
    params : LIFParameters
        Parameters of the neurons.
    """
    data = json.dumps(window_data(window, params), allow_nan=False).replace("<", "\\u003c")
    title = f"The neurons of {picture.name}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        # Nothing may be loaded from anywhere: the page holds all it needs.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
        f'<link rel="icon" href="data:,"><title>{escape(title)}</title>'
        f"<style>{_asset('page.css')}</style></head>\n<body>\n"
        f"<header><div><h1>{escape(title)}</h1>\n{_introduction(picture)}</div>\n"
        f"{_overview(picture, window)}</header>\n"
        "<noscript><p>This page needs JavaScript.</p></noscript>\n"
        f"{_explorer(picture, window)}\n{_explanation(window, params)}\n"
        f'<script type="application/json" id="data">{data}</script>\n'
        f"<script>{_asset('page.js')}</script>\n</body></html>\n"
    )


def _asset(name: str) -> str:
    return files("bio_scnn.explorer").joinpath(name).read_text("utf-8")


def _introduction(picture: Picture) -> str:
    said = (
        f"{100 * picture.mask.mean():.1f} % of the picture was missing ({escape(picture.holes)})"
    )
    if picture.hole_psnr is not None:
        said += f"; the hole PSNR of its restoration is {picture.hole_psnr:.2f} dB"
    simulated = (
        f"Brian2 simulated {picture.neurons:,} of them, with {picture.spikes:,} spikes, and the "
        "picture was restored from their firing rates."
        if picture.neurons
        else "The picture was restored from their firing rates, by the closed form: no neuron was "
        "simulated for it."
    )
    return (
        f"<p>{said}. Each pixel of a feature map drives one leaky integrate-and-fire neuron. "
        f"{simulated} The neurons in the marked window can be looked at one by one.</p>"
    )


def _overview(picture: Picture, window: Window) -> str:
    height, width = picture.mask.shape
    rows, columns = window.missing.shape
    percent = {
        "left": window.left / width,
        "top": window.top / height,
        "width": columns / width,
        "height": rows / height,
    }
    box = ";".join(f"{name}:{100 * window.fold * part:.2f}%" for name, part in percent.items())
    figures = "".join(
        f'<figure><div class="frame"><img alt="{name}" src="{_jpeg(view)}">'
        f'<span class="box" style="{box}"></span></div><figcaption>{name}</figcaption></figure>'
        for name, view in picture.views().items()
    )
    return f'<div class="overview">{figures}</div>'


def _explorer(picture: Picture, window: Window) -> str:
    crops = "".join(
        f'<figure><div class="frame pick"><img alt="{name}, the window" '
        f'src="{_png(window.crop(view))}"><span class="cursor"></span></div>'
        f"<figcaption>{name}</figcaption></figure>"
        for name, view in picture.views().items()
    )
    last = len(window.recording.t_ms) - 1
    return f"""<div class="explorer"><section aria-label="feature map">
<div class="frame pick"><canvas id="map" tabindex="0" role="application"
 aria-label="feature map: arrow keys choose a neuron, page up and page down a map"></canvas>
<span class="cursor"></span></div>
<p class="scale"><span id="low"></span><span class="bar"></span><span id="high"></span></p>
<div class="movie"><button id="play" type="button">▶ play</button>
<label>time <input id="time" type="range" min="0" max="{last}" value="0"></label>
<output id="instant" for="time"></output>
<button id="rates" type="button" aria-pressed="true">rates</button></div></section>
<section class="more" aria-label="other maps and the picture">
<div id="maps" role="group" aria-label="feature maps"></div>
<div class="crops">{crops}</div>
<p class="soft">Click or tap a pixel, or use the arrow keys; page up and page down change the
feature map. White lines are the edges of holes; play shows how V rises and the neurons
fire. All numbers count from 0.</p></section>
<section class="neuron" aria-label="the chosen neuron"><h2 id="which"></h2>
<p id="said" class="hidden" role="status"></p><dl id="facts"></dl><div id="plots"></div>
<p class="keys"><span class="key simulated">simulated</span><span class="key closed">{
        "closed form, without noise" if window.noise_std else "closed form"
    }</span><span class="key threshold">V_th</span><span class="key refractory">refractory</span>
</p><details><summary>Spike times</summary><div id="spikes"></div></details>
<div id="curve"></div></section></div>"""


def _explanation(window: Window, params: LIFParameters) -> str:
    recording = window.recording
    low, high = value_range(recording.membrane, params.V_reset, params.V_th)
    step = (high - low) / LEVELS
    kept = (
        f"V is kept every {recording.dt_ms:g} ms, rounded to 16 bits: steps of {_power(step)}. "
        "Spike times and the currents I of the features are kept to their last bit; rates are "
        "computed from them in this page, and so is the closed form."
    )
    if window.noise_std:
        bottom, top = value_range(recording.current, *LIFUnit(params).band)
        compared = (
            f"The current has coloured noise of standard deviation {window.noise_std:g} and "
            f"correlation time {params.tau_noise_ms:g} ms, held over each step of "
            f"{recording.dt_ms:g} ms; I is rounded to steps of {_power((top - bottom) / LEVELS)}. "
            "The closed form is that of the current without noise: what lies between them is what "
            "the noise does, not an error. The picture was restored under another draw of it."
        )
    else:
        compared = (
            "Deviations are the largest of a neuron, from the closed form in double precision, "
            "taken before V was rounded. Where a sample falls on a spike to 10⁻⁹ ms, V may stand "
            "at either end of its jump. Over the whole window they are "
            f"{_power(window.deviation_V.max())} of V and {_power(window.deviation_ms.max())} ms "
            "of a spike time. The window was simulated once more, to record it; without noise a "
            "neuron's spikes do not depend on that."
        )
    return f"""<section class="about"><h2>What is shown</h2>
<p>Eq. 1 of the paper, C dV/dt = I − V/R: V rises towards RI with the time constant τ = RC =
{params.tau_ms:g} ms. When it reaches V_th = {params.V_th:g} the neuron fires, and V is held at
V_reset = {params.V_reset:g} for t_ref = {params.t_ref_ms:g} ms. A feature z, clipped to [0, 1], is
a current I between those that give {params.rate_min_hz:g} and {params.rate_max_hz:g} Hz.</p>
<p>Under a constant current the closed form is V(t) = RI − (RI − V_reset) exp(−t/τ) from each
release, and the rate 1 / (t_ref + τ ln((RI − V_reset) / (RI − V_th))).</p>
<p>The simulated traces are Brian2's, of these {window.z.size:,} neurons of the
{len(window.maps)} feature maps that vary most within the window. {kept}</p><p>{compared}</p>
<p class="soft">Sanaullah, K. Roy, U. Rückert, T. Jungeblut: A Hybrid Spiking-Convolutional Neural
Network Approach for Advancing Machine Learning Models. NLDL 2024.</p></section>"""


def _power(value: float) -> str:
    """A number for people: 4.9 × 10⁻¹⁴."""
    digits, _, exponent = f"{value:.1e}".partition("e")
    if not value:
        return "0"
    return f"{digits} × 10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def _jpeg(view: NDArray) -> str:
    small = _pillow(view)
    small.thumbnail((_OVERVIEW, _OVERVIEW))
    return _data_url(small, "jpeg", quality=88)


def _png(view: NDArray) -> str:
    return _data_url(_pillow(view), "png")


def _pillow(view: NDArray) -> Image.Image:
    return Image.fromarray(from_float(view, np.uint8))


def _data_url(image: Image.Image, kind: str, **options: Any) -> str:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
