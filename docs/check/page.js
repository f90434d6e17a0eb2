"use strict";
const at = id => document.getElementById(id);
const { pyodide, wheel } = document.body.dataset;
const url = name => new URL(name, location).href;
let worker = null;

const EXAMPLES = {
  usual: at("source").value,
  declared: `import numpy as np
from bio_scnn import LIFParameters
from bio_scnn.crossval import Capabilities, as_adapter

def layer(x):  # meant: tau = 10 ms, R = 1, but the input is not scaled
    V, spikes = np.zeros(x.shape[1]), []
    for x_n in x:
        V = 0.9 * V + x_n
        spikes.append(V >= 1)
        V = np.where(spikes[-1], 0, V)
    return np.array(spikes)

meant = LIFParameters(tau_ms=10, R=1, t_ref_ms=0)
claims = Capabilities(refractory="none", membrane="none", integrator="forward Euler")
adapter = as_adapter(layer, dt_ms=1.0, params=meant, capabilities=claims)
`,
};

function show(text, bad = false) {
  at("report").textContent = text;
  at("report").className = bad ? "bad" : "";
  at("report").hidden = !text;
}
function busy(doing) {
  at("doing").textContent = doing;
  at("busy").hidden = !doing;
  at("run").disabled = Boolean(doing);
}
function stop() {
  worker?.terminate();
  worker = null;
  busy("");
}
function start() {
  worker = new Worker("worker.js");
  worker.onmessage = ({ data }) => {
    if (data.doing) return busy(data.doing);
    busy("");
    show(data.report ?? `error: ${data.error}`, "error" in data);
    if (data.lost) stop(); // Python was not loaded: the next try starts anew
  };
  worker.onerror = event => {
    event.preventDefault();
    stop();
    show("error: Python could not be loaded. The page needs the network, and a server: " +
      "python -m http.server -d docs/_build/html", true);
  };
}
function run() {
  show("");
  busy("Starting …");
  if (!worker) start();
  worker.postMessage({ source: at("source").value, pyodide, wheel: url(wheel),
    program: url("check.py") });
}
at("run").addEventListener("click", run);
at("stop").addEventListener("click", () => { stop(); show("Stopped."); });
at("example").addEventListener("change", () => {
  at("source").value = EXAMPLES[at("example").value];
});
at("source").addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !at("run").disabled) run();
});
