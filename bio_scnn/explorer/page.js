"use strict";
// The page's data; arrays over neurons are in the order rows, columns, maps.
const at = id => document.getElementById(id);
const data = JSON.parse(at("data").textContent);
function array(Type, text) {
  return new Type(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer);
}
const z = array(Float32Array, data.z), current = array(Float64Array, data.current);
const counts = array(Uint32Array, data.counts), spikes = array(Float64Array, data.spikes);
const V = array(Uint16Array, data.V), missing = array(Uint16Array, data.missing);
const I = data.I && array(Uint16Array, data.I);
const deviationV = data.deviation_V && array(Float32Array, data.deviation_V);
const deviationMs = data.deviation_ms && array(Float32Array, data.deviation_ms);
const { rows, columns, steps, dt, duration, tau, R, V_th, V_reset, t_ref } = data;
const maps = data.maps.length;
const firstSpike = new Uint32Array(counts.length + 1);
counts.forEach((count, n) => { firstSpike[n + 1] = firstSpike[n] + count; });

// The closed form of eq. 1 under a constant current.
const latency = I => R * I > V_th ? tau * Math.log1p((V_th - V_reset) / (R * I - V_th)) : Infinity;
const rate = I => 1e3 / (latency(I) + t_ref);
const charged = (I, t) => V_reset - (R * I - V_reset) * Math.expm1(-t / tau);
function closedSpikes(I) {
  const times = [], first = latency(I), interval = first + t_ref;
  for (let t = first; t <= duration; t = first + times.length * interval) times.push(t);
  return times;
}

// What the simulation left.
const trainOf = n => spikes.subarray(firstSpike[n], firstSpike[n + 1]);
const fromLevel = (level, [low, high]) => low + level * (high - low) / 65535;
const membraneOf = (n, step) => fromLevel(V[n * (steps + 1) + step], data.V_range);
const currentOf = (n, step) => I ? fromLevel(I[n * steps + step], data.I_range) : current[n];
function rateOf(n) {
  const train = trainOf(n), last = train.length - 1;
  return last > 0 ? 1e3 * last / (train[last] - train[0]) : last < 0 ? 0 : NaN;
}
const neuron = (row, column, map) => (row * columns + column) * maps + map;

// Perceptually uniform and safe for any colour vision: viridis.
const VIRIDIS = [0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6ece58,
  0xb5de2b, 0xfde725].map(c => [c >> 16, c >> 8 & 255, c & 255]);
function colour(u) {
  if (!(u === u)) return [128, 128, 128];
  const place = Math.min(Math.max(u, 0), 1) * (VIRIDIS.length - 1);
  const below = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[below].map((c, k) => c + (place - below) * (VIRIDIS[below + 1][k] - c));
}
document.querySelector(".bar").style.background =
  `linear-gradient(90deg,${VIRIDIS.map(c => `rgb(${c})`)})`;

const rateColour = n => colour((rateOf(n) - data.rates[0]) / (data.rates[1] - data.rates[0]));
// V at a sample instant; a neuron that has fired since the one before is white.
function membraneColour(n, step) {
  const fired = trainOf(n).some(t => t > (step - 1) * dt && t <= step * dt);
  return fired ? [255, 255, 255] : colour((membraneOf(n, step) - V_reset) / (V_th - V_reset));
}

// At first a neuron within the band, under a hole if there is one, near the middle.
function interesting() {
  const score = Array.from({ length: rows * columns }, (_, k) => {
    const row = Math.floor(k / columns), column = k % columns, feature = z[k * maps];
    const far = Math.hypot(row - rows / 2, column - columns / 2) / Math.hypot(rows, columns);
    return 2 * (feature > 0 && feature < 1) + (missing[k] > 0) - far;
  });
  const best = score.indexOf(Math.max(...score));
  return { row: Math.floor(best / columns), column: best % columns };
}
// The address may name a pixel of the picture: #row,column.
function named() {
  const [, y, x] = location.hash.match(/^#(\d+),(\d+)$/) ?? [];
  const row = Math.floor(y / data.fold) - data.top, column = Math.floor(x / data.fold) - data.left;
  return row >= 0 && row < rows && column >= 0 && column < columns ? { row, column } : null;
}
const chosen = { ...named() ?? interesting(), map: 0, step: 0, moving: false };
const CELL = Math.max(Math.floor(640 / Math.max(rows, columns)), 4);

function draw(canvas, map, cell, paint) {
  canvas.width = columns * cell;
  canvas.height = rows * cell;
  const context = canvas.getContext("2d");
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const [red, green, blue] = paint(neuron(row, column, map));
      context.fillStyle = `rgb(${red},${green},${blue})`;
      context.fillRect(column * cell, row * cell, cell, cell);
    }
  return context;
}
function drawMap() {
  const context = draw(at("map"), chosen.map, CELL,
    chosen.moving ? n => membraneColour(n, chosen.step) : rateColour);
  const hole = (row, column) => missing[row * columns + column] > 0;
  for (const [shade, w] of [["#000", 3], ["#fff", 1]]) {
    context.fillStyle = shade;
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++) {
        const here = hole(row, column), x = column * CELL, y = row * CELL;
        if (column && here !== hole(row, column - 1))
          context.fillRect(x - w, y - w, 2 * w, CELL + 2 * w);
        if (row && here !== hole(row - 1, column))
          context.fillRect(x - w, y - w, CELL + 2 * w, 2 * w);
      }
  }
  const [slow, fast] = data.rates;
  at("low").textContent = chosen.moving ? `V_reset = ${V_reset}` : `${slow} Hz`;
  at("high").textContent = chosen.moving ? `V_th = ${V_th}, white: spike` : `${fast} Hz`;
  at("rates").setAttribute("aria-pressed", !chosen.moving);
}

const digits = (x, n) => x.toFixed(n).replace("-", "−");
function power(x) {
  if (!x) return "0";
  const [number, exponent] = x.toExponential(1).split("e");
  const raised = String(+exponent).replace(/./g, c => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return `${number.replace("-", "−")} × 10${raised}`;
}
const escaped = text => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;");

class Panel {
  constructor(width, x, y, top, height, label) {
    Object.assign(this, { width, x, y, top, height, label, left: 58, right: 8 });
  }
  px(x) {
    return this.left + (this.width - this.left - this.right) * (x - this.x[0]) /
      (this.x[1] - this.x[0]);
  }
  py(y) { return this.top + this.height * (this.y[1] - y) / (this.y[1] - this.y[0]); }
  point(x, y) { return `${this.px(x).toFixed(1)} ${this.py(y).toFixed(1)}`; }
  line(kind, points, id = "") {
    const d = points.length ? "M" + points.map(([x, y]) => this.point(x, y)).join("L") : "";
    return `<path${id && ` id="${id}"`} class="${kind}" d="${d}"/>`;
  }
  frame(numbers, xLabel = "") {
    const bottom = this.top + this.height, end = this.width - this.right;
    const middle = this.top + this.height / 2;
    let parts = `<text x="12" y="${middle}" class="middle" ` +
      `transform="rotate(-90 12 ${middle})">${this.label}</text>`;
    for (const y of ticks(...this.y, Math.max(2, this.height / 35)))
      parts += `<path class="grid" d="M${this.left} ${this.py(y).toFixed(1)}H${end}"/>` +
        `<text x="${this.left - 6}" y="${this.py(y) + 4}" class="end">${shown(y)}</text>`;
    for (const x of ticks(...this.x, this.width / 60)) {
      const place = this.px(x).toFixed(1);
      parts += `<path class="grid" d="M${place} ${this.top}V${bottom}"/>`;
      if (numbers)
        parts += `<text x="${place}" y="${bottom + 15}" class="middle">${shown(x)}</text>`;
    }
    return parts + (xLabel && `<text x="${(this.left + end) / 2}" y="${bottom + 31}" ` +
      `class="middle">${xLabel}</text>`);
  }
}
function ticks(low, high, most) {
  const rough = (high - low) / most, decade = 10 ** Math.floor(Math.log10(rough));
  const step = decade * [1, 2, 5, 10].find(m => m * decade >= rough * (1 - 1e-9));
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9 * step; n++)
    found.push(n * step);
  return found;
}
const shown = x => String(+x.toPrecision(6)).replace("-", "−");

function drawPlots(n) {
  const width = Math.min(Math.max(at("plots").clientWidth, 280), 720);
  const exact = closedSpikes(current[n]), train = trainOf(n), time = [0, duration];
  const range = I ? data.I_range : data.band, margin = 0.06 * (range[1] - range[0]);
  const low = Math.min(V_reset, data.V_range[0]), high = Math.max(V_th, data.V_range[1]);
  const above = 0.08 * (high - low);
  const driven = new Panel(width, time, [range[0] - margin, range[1] + margin], 8, 80, "current I");
  const potential = new Panel(width, time, [low - above, high + above], 102, 190, "V");
  const held = Array.from(train, t => {
    const x = potential.px(t), end = potential.px(Math.min(t + t_ref, duration));
    return `<rect class="refractory" x="${x.toFixed(1)}" y="${potential.top}" ` +
      `width="${(end - x).toFixed(1)}" height="${potential.height}"/>`;
  });
  const closed = [[0, V_reset]];
  for (const [k, fires] of [...exact, Infinity].entries()) {
    const released = k ? exact[k - 1] + t_ref : 0, until = Math.min(fires, duration);
    for (let j = 0; j <= 40 && released <= duration; j++) {
      const since = (until - released) * j / 40;
      closed.push([released + since, charged(current[n], since)]);
    }
    if (fires <= duration) closed.push([fires, V_reset]);
    if (fires <= duration) closed.push([Math.min(fires + t_ref, duration), V_reset]);
  }
  const stairs = [];
  for (let step = 0; step < steps; step++)
    stairs.push([step * dt, currentOf(n, step)], [(step + 1) * dt, currentOf(n, step)]);
  let dots = "";
  for (let step = 0; step <= steps; step++) {
    const [x, y] = potential.point(step * dt, membraneOf(n, step)).split(" ");
    dots += `<circle class="simulated" cx="${x}" cy="${y}" r="2.6"/>`;
  }
  const raster = potential.top + potential.height + 12;
  const marks = [["simulated", train], ["closed", exact]].map(([kind, times], row) => {
    const top = raster + 20 * row;
    const d = Array.from(times, t => `M${potential.px(t).toFixed(1)} ${top}v15`).join("");
    const label = row ? '<tspan x="52" dy="-3">closed</tspan><tspan x="52" dy="10">form</tspan>' : "spikes";
    return `<text x="52" y="${top + 12}" class="end"${row ? ' style="font-size:10px"' : ""}>${label}</text>` +
      `<path id="spikes-${kind}" class="${kind}" style="stroke-width:2.4" d="${d}"/>`;
  });
  const bottom = new Panel(width, time, [0, 1], raster, 38, "");
  let axis = "";
  for (const x of ticks(...time, width / 60))
    axis += `<path class="grid" d="M${bottom.px(x).toFixed(1)} ${raster}v38"/>` +
      `<text x="${bottom.px(x).toFixed(1)}" y="${raster + 53}" class="middle">${shown(x)}</text>`;
  const now = potential.px(chosen.step * dt).toFixed(1);
  at("plots").innerHTML =
    `<svg viewBox="0 0 ${width} ${raster + 74}" role="img" aria-label="Current, membrane ` +
    `potential and spikes of the chosen neuron over time">${driven.frame(false)}` +
    driven.line("closed", [[0, current[n]], [duration, current[n]]]) +
    driven.line("simulated", stairs, "I-simulated") + held.join("") + potential.frame(false) +
    potential.line("threshold", [[0, V_th], [duration, V_th]]) +
    potential.line("closed", closed, "V-closed") + `<g id="V-simulated">${dots}</g>` + axis +
    marks.join("") + `<text x="${(58 + width - 8) / 2}" y="${raster + 69}" class="middle">` +
    `time (ms)</text><path id="now" class="time" ${chosen.moving ? "" : "visibility=\"hidden\""} ` +
    `d="M${now} 8V${raster + 38}"/></svg>`;
}

function drawCurve(n) {
  const width = Math.min(Math.max(at("curve").clientWidth, 280), 720), points = [];
  const x = [0, 1.15 * data.band[1]], simulated = rateOf(n);
  const panel = new Panel(width, x, [0, 1.15 * data.rates[1]], 8, 120, "rate (Hz)");
  for (let k = 0; k <= 300; k++) points.push([x[1] * k / 300, rate(x[1] * k / 300)]);
  const [left, right] = data.band.map(value => panel.px(value));
  const [cx, cy] = panel.point(current[n], simulated || 0).split(" ");
  at("curve").innerHTML = `<svg viewBox="0 0 ${width} 164" role="img" aria-label="Rate against ` +
    `current: the closed form, and the chosen neuron"><rect class="refractory" x="${left}" y="8" ` +
    `width="${right - left}" height="120"/>${panel.frame(true, "current I; shaded: the band that features use")}` +
    panel.line("closed", points) + (simulated === simulated ?
      `<circle class="simulated" cx="${cx}" cy="${cy}" r="5"/>` : "") + "</svg>";
}

function tell(n) {
  const { row, column, map } = chosen, fold = data.fold, number = data.maps[map];
  const Y = data.top + row, X = data.left + column, train = trainOf(n);
  const exact = closedSpikes(current[n]), simulated = rateOf(n);
  const pixels = (name, start) => fold > 1 ?
    `${name}s ${fold * start}–${fold * (start + 1) - 1}` : `${name} ${start}`;
  const clipped = z[n] < 0 ? ", clipped to 0" : z[n] > 1 ? ", clipped to 1" : "";
  const read = simulated === simulated ? `${digits(simulated, 9)} Hz` :
    "one spike shows no interval";
  at("which").textContent = `Map ${number}, row ${Y}, column ${X}`;
  const closed = data.noise ? "closed form, without noise" : "closed form";
  const facts = [
    ["pixels", `${pixels("row", Y)}, ${pixels("column", X)}; ` +
      `${missing[row * columns + column]} of ${fold * fold} missing`],
    ["feature z", digits(z[n], 5) + clipped],
    ["current I", digits(current[n], 9) + (data.noise ? `, and noise of ${data.noise}` : "")],
    [`rate, ${closed}`, `${digits(rate(current[n]), 9)} Hz`],
    ["rate, from simulated spikes", read],
  ];
  if (deviationV)
    facts.push(["largest deviation",
      `V by ${power(deviationV[n])}, a spike by ${power(deviationMs[n])} ms`]);
  at("facts").innerHTML =
    facts.map(([name, text]) => `<dt>${name}</dt><dd>${escaped(text)}</dd>`).join("");
  at("said").textContent = `Map ${number}, row ${Y}, column ${X}: current ` +
    `${digits(current[n], 3)}, ${train.length} spikes, ${read.replace(/(\.\d\d)\d*/, "$1")}`;
  const lines = Array.from({ length: Math.max(train.length, exact.length) }, (_, k) => {
    const both = k < train.length && k < exact.length;
    const cells = [k + 1, k < train.length ? digits(train[k], 9) : "–",
      k < exact.length ? digits(exact[k], 9) : "–", both ? power(train[k] - exact[k]) : "–"];
    return `<tr>${cells.map(cell => `<td>${cell}</td>`).join("")}</tr>`;
  });
  at("spikes").innerHTML = "<table><thead><tr><th>spike</th><th>simulated (ms)</th><th>" +
    `closed form (ms)</th><th>difference (ms)</th></tr></thead><tbody>${lines.join("")}` +
    "</tbody></table>";
}

function update() {
  const n = neuron(chosen.row, chosen.column, chosen.map);
  for (const cursor of document.querySelectorAll(".cursor"))
    Object.assign(cursor.style, {
      left: `${100 * chosen.column / columns}%`, top: `${100 * chosen.row / rows}%`,
      width: `${100 / columns}%`, height: `${100 / rows}%`,
    });
  tell(n);
  drawPlots(n);
  drawCurve(n);
}
function choose(row, column) {
  chosen.row = Math.min(Math.max(row, 0), rows - 1);
  chosen.column = Math.min(Math.max(column, 0), columns - 1);
  update();
}
function chooseMap(map) {
  chosen.map = (map + maps) % maps;
  for (const [k, button] of [...at("maps").children].entries())
    button.setAttribute("aria-pressed", k === chosen.map);
  drawMap();
  update();
}
function showTime(step, moving = true) {
  chosen.step = step;
  chosen.moving = moving;
  at("time").value = step;
  at("time").setAttribute("aria-valuetext", `${shown(step * dt)} ms`);
  at("instant").textContent = moving ? `${shown(step * dt)} ms` : "";
  drawMap();
  drawPlots(neuron(chosen.row, chosen.column, chosen.map));
}

for (const picture of document.querySelectorAll(".pick")) {
  const pick = event => {
    const box = picture.getBoundingClientRect();
    choose(Math.floor((event.clientY - box.top) / box.height * rows),
      Math.floor((event.clientX - box.left) / box.width * columns));
    at("map").focus({ preventScroll: true });
  };
  picture.addEventListener("click", pick);
  // A mouse may be dragged across; a finger that moves scrolls the page.
  picture.addEventListener("pointermove", event => {
    if (event.pointerType === "mouse" && event.buttons === 1) pick(event);
  });
  picture.addEventListener("dragstart", event => event.preventDefault());
}
at("map").addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const { row, column, map } = chosen, far = event.shiftKey ? 5 : 1;
  const act = {
    ArrowUp: () => choose(row - far, column), ArrowDown: () => choose(row + far, column),
    ArrowLeft: () => choose(row, column - far), ArrowRight: () => choose(row, column + far),
    PageUp: () => chooseMap(map - 1), PageDown: () => chooseMap(map + 1),
    " ": () => at("play").click(),
  }[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

let timer = 0;
function play(on) {
  clearInterval(timer);
  timer = on && setInterval(() => showTime((chosen.step + 1) % (steps + 1)), 150);
  at("play").textContent = on ? "❚❚ pause" : "▶ play";
}
at("play").addEventListener("click", () => play(!timer));
at("time").addEventListener("input", event => { play(false); showTime(+event.target.value); });
at("rates").addEventListener("click", () => { play(false); showTime(chosen.step, false); });
addEventListener("resize", update);

for (let map = 0; map < maps; map++) {
  const button = document.createElement("button"), canvas = document.createElement("canvas");
  button.type = "button";
  draw(canvas, map, 1, rateColour);
  canvas.style.imageRendering = "pixelated";
  button.append(canvas, `map ${data.maps[map]}`);
  button.addEventListener("click", () => chooseMap(map));
  at("maps").append(button);
}
chooseMap(0);
