"use strict";
// Python in a worker of its own, so that the page stays usable. Messages: {load}, then {source}.
const PACKAGES = ["numpy", "scipy", "tqdm", "threadpoolctl"];
let python = null;

const tell = message => postMessage(message);

async function load({ pyodide, wheel, program }) {
  tell({ doing: "Loading Python …" });
  importScripts(`${pyodide}pyodide.js`);
  python = await loadPyodide({ indexURL: pyodide });
  tell({ doing: "Loading NumPy and SciPy …" });
  await python.loadPackage(PACKAGES); // does not fail: what is not there is only missing
  const missing = PACKAGES.filter(name => !(name in python.loadedPackages));
  if (missing.length) throw new Error(`${missing.join(", ")} could not be loaded; try again`);
  tell({ doing: "Loading bio_scnn …" });
  await python.loadPackage(wheel, { checkIntegrity: false });
  await python.runPythonAsync(await (await fetch(program)).text());
}

async function check(source) {
  tell({ doing: "Checking your layer …" });
  const run = python.globals.get("check");
  tell({ report: run(source) });
}

// The last line of a traceback of Python that names an error is what went wrong.
function reason(error) {
  const lines = String(error.message ?? error).trim().split("\n");
  const named = lines.filter(line => /^[\w.]+(Error|Exception|Interrupt)\b/.test(line)).pop();
  return (named ?? lines.pop()).replace(/^([\w.]*InputError|ValueError): /, "");
}

onmessage = async ({ data }) => {
  try {
    if (!python) await load(data);
    await check(data.source);
  } catch (error) {
    tell({ error: reason(error), lost: !python?.globals.has("check") });
  }
};
