"use strict";
const at = id => document.getElementById(id);
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const limits = { bytes: +document.body.dataset.mostBytes, pixels: +document.body.dataset.mostPixels };
const CANVAS = 16e6; // pixels; telephones draw no larger canvas
const [PINK, TIMES] = [[255, 51, 153, 255], 1.35]; // and how much one step zooms

// All that the page knows. `picture`, `mask` and `result` are null as long as there is none.
const state = {
  picture: null, mask: null, result: null, rates: null, map: 0, step: 1, version: 0,
  tool: "brush", size: 12, mode: "mark", split: 0.5, busy: null, fresh: true,
  x: 0, y: 0, scale: 1, fitted: true, // the stage in the view
  pen: null, // place of the brush in the picture, and whether it is down
};

// Requests. A task answers with a line of JSON for each progress, and at last what is done.
const query = options => new URLSearchParams(options).toString();
const fileUrl = name => `pictures/${state.picture.key}/files/${name}?v=${++state.version}`;
async function ask(doing, url, body) {
  if (state.busy) return null;
  const stop = new AbortController();
  state.busy = stop;
  at("doing").textContent = doing;
  at("progress").removeAttribute("value");
  trouble("");
  say("");
  refresh();
  try {
    const answer = await fetch(url, { method: "POST", body, signal: stop.signal });
    if (!answer.ok) throw new Error(await reason(answer));
    for await (const line of lines(answer.body)) {
      if (line.error) throw new Error(line.error);
      if (line.done) return line.done;
      if (line.progress > 0) at("progress").value = line.progress;
    }
    throw new Error("the answer ended too soon; is the program still running?");
  } catch (error) {
    if (stop.signal.aborted) say("Cancelled.");
    else if (error instanceof TypeError)
      trouble("The program does not answer. Start it again: python -m bio_scnn.app");
    else trouble(error.message);
    return null;
  } finally {
    state.busy = null;
    refresh();
  }
}
async function reason(answer) {
  const text = await answer.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return text.trim() || `the program answered ${answer.status}`;
  }
}
async function* lines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) yield JSON.parse(part);
  }
}
const task = (doing, name, options, body) => ask(doing,
  `pictures/${state.picture.key}/tasks/${name}?${query(options)}`, body);
const page = () => ({ page: state.picture.page });

function trouble(text) {
  at("trouble").hidden = !text;
  at("trouble").firstElementChild.textContent = text;
}
const say = text => { at("said").textContent = text; };

// Opening.
async function open(file) {
  if (file.size > limits.bytes)
    return trouble(`${file.name} has ${Math.round(file.size / 1e6)} MB; ` +
      `no more than ${Math.round(limits.bytes / 1e6)} MB are taken.`);
  const found = await ask(`Opening ${file.name}`, `pictures?${query({ name: file.name })}`, file);
  if (found) await show(found);
}
async function openPage(page) {
  const { key } = state.picture;
  const found = await task(`Opening page ${page}`, "open", { page });
  if (found) await show({ ...found, key });
}
async function show(picture) {
  const { width, height } = picture;
  const step = Math.ceil(Math.sqrt(Math.max(width * height / CANVAS, 1)));
  Object.assign(state, { picture, mask: new Mask(width, height), result: null, rates: null, step,
    size: clamp(Math.round(Math.max(width, height) / 60), 3, 200), pen: null, fresh: true });
  Object.assign(at("stage").style, { width: `${width}px`, height: `${height}px` });
  Object.assign(at("paint"), { width: Math.ceil(width / step), height: Math.ceil(height / step) });
  at("neurons").hidden = at("result").hidden = true;
  at("before").src = fileUrl(picture.shown);
  await at("before").decode().catch(() => trouble("the browser cannot show this picture"));
  at("stage").hidden = false;
  at("empty").hidden = true;
  at("name").textContent = `${picture.name}, ${width} × ${height}`;
  at("page").value = picture.page;
  at("page").max = picture.pages;
  say("");
  setMode("mark");
  fit();
  at("view").focus({ preventScroll: true });
}

// The mask on the canvas; of a large picture every step-th pixel is drawn.
function paint(rect) {
  if (!rect) return;
  const { step, mask } = state, canvas = at("paint");
  const left = Math.floor(rect.x / step), top = Math.floor(rect.y / step);
  const width = Math.min(Math.ceil((rect.x + rect.width) / step), canvas.width) - left;
  const height = Math.min(Math.ceil((rect.y + rect.height) / step), canvas.height) - top;
  if (width < 1 || height < 1) return;
  const pixels = new ImageData(width, height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++)
      if (mask.bytes[(top + row) * step * mask.width + (left + column) * step])
        pixels.data.set(PINK, 4 * (row * width + column));
  canvas.getContext("2d").putImageData(pixels, left, top);
  state.fresh = false;
}
function changed(rect) {
  if (rect) paint(rect);
  refresh();
}

async function propose() {
  const found = await task("Looking for scratches and dust", "propose", page());
  if (!found) return;
  await mark(found, true);
  if (state.mask.count) say(`${at("said").textContent} Look at the marks, and erase what is not damage.`);
}
async function loadMask(file) {
  if (file.size > limits.bytes) return trouble(`${file.name} is too large.`);
  const found = await task(`Reading ${file.name}`, "read", page(), file);
  if (found) await mark(found, false);
}
async function mark(found, keep) {
  const bits = new Uint8Array(await (await fetch(fileUrl(found.bits))).arrayBuffer());
  setMode("mark");
  changed(state.mask.replace(bits, keep));
  say([`${found.how}.`, ...found.warnings].join(" "));
}
async function saveMask() {
  const found = await task("Saving the mask", "mask", page(), state.mask.bits());
  if (!found) return;
  const link = Object.assign(document.createElement("a"),
    { href: fileUrl(found.mask), download: found.called });
  link.click();
}

// Restoring.
async function restore() {
  const quality = at("quality").value;
  const found = await task("Restoring", "restore", { ...page(), quality }, state.mask.bits());
  if (!found) return;
  state.result = found;
  state.fresh = true;
  at("after").src = fileUrl(found.shown);
  state.rates = await (await fetch(fileUrl(found.rates))).json();
  state.rates.levels = Uint8Array.from(atob(state.rates.levels), c => c.charCodeAt(0));
  await at("after").decode().catch(() => {});
  at("form").replaceChildren(...found.results.map((result, n) =>
    new Option(result.called.replace(/.*\./, "").toUpperCase() +
      (n ? ": every known pixel kept" : ": as the original"), n)));
  at("form-row").hidden = found.results.length < 2;
  const lost = found.lost.length ? [`Not kept in the file: ${found.lost.join("; ")}.`] : [];
  at("remarks").replaceChildren(...[...found.warnings, ...lost].map(text =>
    Object.assign(document.createElement("li"), { textContent: text })));
  Object.assign(at("get-mask"), { href: fileUrl(found.mask), download: found.mask_called });
  at("neurons").hidden = true;
  at("maps").replaceChildren(...Array.from({ length: state.rates.maps }, (_, n) => {
    const button = Object.assign(document.createElement("button"),
      { type: "button", textContent: `Map ${n + 1}` });
    button.addEventListener("click", () => drawRates(n));
    return button;
  }));
  drawRates(0);
  chooseForm();
  say(`${found.said}.`);
  at("result").hidden = false;
  setMode("compare");
  at("view").scrollIntoView({ block: "nearest" });
}
function chooseForm() {
  const { file, called, command } = state.result.results[at("form").value || 0];
  Object.assign(at("get"), { href: fileUrl(file), download: called });
  at("command").textContent = command;
}
async function copy() {
  try {
    await navigator.clipboard.writeText(at("command").textContent);
    say("Copied.");
  } catch {
    getSelection().selectAllChildren(at("command"));
    say("Selected; copy it with Ctrl+C.");
  }
}

// Firing rates: viridis, as on the page of neurons.
const VIRIDIS = [0x440154, 0x482878, 0x3e4989, 0x31688e, 0x26828e, 0x1f9e89, 0x35b779, 0x6ece58,
  0xb5de2b, 0xfde725].map(c => [c >> 16, c >> 8 & 255, c & 255]);
function colour(u) {
  const place = u * (VIRIDIS.length - 1), below = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[below].map((c, k) => c + (place - below) * (VIRIDIS[below + 1][k] - c));
}
document.querySelector(".colours").style.background =
  `linear-gradient(90deg,${VIRIDIS.map(c => `rgb(${c})`)})`;
function drawRates(map) {
  const { rows, columns, cell, levels } = state.rates, canvas = at("rates");
  state.map = map;
  Object.assign(canvas, { width: columns, height: rows });
  Object.assign(canvas.style, { width: `${columns * cell}px`, height: `${rows * cell}px` });
  const pixels = new ImageData(columns, rows);
  for (let n = 0; n < rows * columns; n++) {
    const level = levels[map * rows * columns + n];
    if (level < 255) pixels.data.set([...colour(level / 254), 255], 4 * n);
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
  for (const [n, button] of [...at("maps").children].entries())
    button.setAttribute("aria-pressed", n === map);
}
async function pick(place) {
  const row = Math.floor(place.y), column = Math.floor(place.x), { picture } = state;
  if (row < 0 || column < 0 || row >= picture.height || column >= picture.width) return;
  const cell = state.rates.cell, chosen = at("chosen");
  Object.assign(chosen.style, { left: `${column - column % cell}px`, top: `${row - row % cell}px`,
    width: `${cell}px`, height: `${cell}px` });
  chosen.hidden = false;
  const found = await task("Recording neurons", "neurons", { row, column });
  if (!found) return;
  const frame = at("neuron-page");
  frame.src = `${fileUrl(found.page)}#${found.at}`;
  at("neurons").hidden = false;
  frame.onload = () => {
    const inside = frame.contentDocument.documentElement;
    const size = () => { frame.style.height = `${inside.offsetHeight + 8}px`; };
    new ResizeObserver(size).observe(inside);
    size();
    at("neurons").scrollIntoView({ block: "nearest" });
  };
  say(`Neurons around row ${row}, column ${column}.`);
}

// The view: where the stage lies in it.
function box() {
  const { clientLeft, clientTop, clientWidth: width, clientHeight: height } = at("view");
  const { left, top } = at("view").getBoundingClientRect();
  return { left: left + clientLeft, top: top + clientTop, width, height }; // within the border
}
function place(event) {
  const { left, top } = box();
  return { x: (event.clientX - left - state.x) / state.scale,
    y: (event.clientY - top - state.y) / state.scale };
}
function fit() {
  const { picture } = state, { width, height } = box();
  if (!width || !height) return; // is not shown just now
  state.fitted = true;
  state.scale = Math.min(width / picture.width, height / picture.height, 8);
  state.x = (width - picture.width * state.scale) / 2;
  state.y = (height - picture.height * state.scale) / 2;
  lay();
}
function zoom(times, x = box().width / 2, y = box().height / 2) {
  const scale = clamp(state.scale * times, 0.02, 40), real = scale / state.scale;
  Object.assign(state,
    { scale, fitted: false, x: x - (x - state.x) * real, y: y - (y - state.y) * real });
  lay();
}
function pan(dx, dy) {
  state.fitted = false;
  state.x += dx;
  state.y += dy;
  lay();
}
function lay() {
  const { picture, scale } = state, { width, height } = box(), seen = 40; // pixels that stay in view
  if (!width || !height) return;
  state.x = clamp(state.x, seen - picture.width * scale, width - seen);
  state.y = clamp(state.y, seen - picture.height * scale, height - seen);
  at("stage").style.transform = `translate(${state.x}px,${state.y}px) scale(${scale})`;
  at("stage").classList.toggle("near", scale >= 3);
  at("zoom").textContent = `${Math.round(100 * scale)} %`;
  drawRing();
  drawSplit();
}
function drawRing() {
  const { pen, mode, tool, scale, size } = state, ring = at("ring");
  ring.hidden = !pen || state.busy || mode === "compare" || mode === "mark" && tool === "move";
  if (ring.hidden) return;
  const across = `${Math.max((mode === "mark" ? size : 1) * scale, 4)}px`;
  Object.assign(ring.style, { left: `${state.x + pen.x * scale}px`, width: across,
    top: `${state.y + pen.y * scale}px`, height: across });
  ring.classList.toggle("down", Boolean(pen.down));
}
function drawSplit() {
  const compare = state.mode === "compare";
  at("divider").hidden = !compare;
  at("after").style.clipPath = compare ? `inset(0 0 0 ${100 * state.split}%)` : "none";
  if (compare)
    at("divider").style.left = `${state.x + state.split * state.picture.width * state.scale}px`;
}
function setSplit(split) {
  state.split = clamp(split, 0, 1);
  at("split").value = 1000 * state.split;
  drawSplit();
}
function setMode(mode) {
  state.mode = mode;
  at("paint").hidden = mode !== "mark";
  at("after").hidden = mode === "mark";
  at("rates").hidden = at("rates-row").hidden = mode !== "rates";
  at("chosen").hidden ||= mode !== "rates";
  at("split-row").hidden = mode !== "compare";
  for (const image of [at("before"), at("after")]) image.classList.toggle("dim", mode === "rates");
  refresh();
  drawRing();
  drawSplit();
}
function setTool(tool) {
  state.tool = tool;
  if (state.mode !== "mark") setMode("mark");
  refresh();
  drawRing();
}
function setSize(size) {
  state.size = clamp(Math.round(size), 1, 200);
  refresh();
  drawRing();
}

// What can be pressed, and what is said of the marks.
function refresh() {
  const { picture, mask, result, busy, mode, tool } = state;
  const idle = Boolean(picture) && !busy, marks = idle && mask.count > 0;
  at("view").className = !picture ? "empty" : mode !== "mark" ? mode : tool === "move" ? tool : "brush";
  at("tools").hidden = at("views").hidden = at("other").hidden = !picture;
  at("busy").hidden = !busy;
  at("page-row").hidden = !picture || picture.pages < 2;
  for (const [id, on] of Object.entries({
    propose: idle, load: idle, save: marks, restore: marks, clear: marks, page: idle,
    undo: idle && mask.past.length, redo: idle && mask.future.length, other: !busy, choose: !busy,
  })) at(id).disabled = !on;
  for (const button of document.querySelectorAll("[data-tool]"))
    button.setAttribute("aria-pressed", button.dataset.tool === tool && mode === "mark");
  for (const button of document.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", button.dataset.mode === mode);
    button.disabled = button.dataset.mode !== "mark" && !result;
  }
  at("size").value = at("size-said").textContent = state.size;
  if (!picture) return;
  const share = 100 * mask.count / mask.bytes.length;
  at("marked").textContent = !mask.count ? "Paint over it, or press Auto-mark." :
    `${share < 0.01 ? "less than 0.01" : share.toFixed(2)} % marked.` +
    (result && !state.fresh ? " The marks have changed since the picture was restored." : "");
}

// Pointers: one paints, moves, compares or picks; two fingers zoom and move.
const pointers = new Map();
let pinch = null, drag = null;
const view = at("view");
function stroke(to) {
  const from = state.pen?.down ? state.pen : to;
  changed(state.mask.line(from, to, state.size, state.tool === "eraser" ? 0 : 1));
  state.pen = { ...to, down: true };
}
function lift() {
  if (state.pen?.down) state.mask.end();
  if (state.pen) state.pen.down = false;
  refresh();
  drawRing();
}
view.addEventListener("pointerdown", event => {
  if (!state.picture || event.target.closest("button") || event.button > 1) return;
  view.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, event);
  if (pointers.size === 2) {
    if (state.pen?.down) paint(state.mask.abandon());
    state.pen = drag = null;
    pinch = between();
    return;
  }
  if (pointers.size > 2) return;
  const panned = event.button === 1 || event.altKey || state.mode === "rates" ||
    state.mode === "mark" && state.tool === "move";
  drag = { id: event.pointerId, panned, far: 0, x: event.clientX, y: event.clientY };
  if (panned || state.busy) return;
  if (state.mode === "compare") return setSplit(place(event).x / state.picture.width);
  if (state.pen?.down) lift();
  say("");
  state.mask.begin();
  stroke(place(event));
  drawRing();
});
view.addEventListener("pointermove", event => {
  if (!state.picture) return;
  if (pointers.has(event.pointerId)) pointers.set(event.pointerId, event);
  if (pinch) {
    const now = between();
    pan(now.x - pinch.x, now.y - pinch.y);
    zoom(now.apart / pinch.apart, now.x - box().left, now.y - box().top);
    pinch = now;
  } else if (drag?.panned) {
    drag.far += Math.hypot(event.clientX - drag.x, event.clientY - drag.y);
    if (drag.far > 4) pan(event.clientX - drag.x, event.clientY - drag.y);
    Object.assign(drag, { x: event.clientX, y: event.clientY });
  } else if (drag && state.mode === "compare") setSplit(place(event).x / state.picture.width);
  else if (drag && state.pen?.down)
    for (const one of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event])
      stroke(place(one));
  else if (!state.pen?.down && event.pointerType !== "touch") state.pen = place(event);
  drawRing();
});
function between() {
  const [a, b] = [...pointers.values()];
  return { x: (a.clientX + b.clientX) / 2, y: (a.clientY + b.clientY) / 2,
    apart: Math.max(Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY), 1) };
}
function released(event) {
  if (!pointers.delete(event.pointerId)) return;
  if (pointers.size < 2) pinch = null;
  if (drag?.id !== event.pointerId) return;
  if (!drag.panned) lift();
  else if (drag.far <= 4 && state.mode === "rates" && event.type === "pointerup") pick(place(event));
  if (event.pointerType === "touch") state.pen = null;
  drag = null;
  drawRing();
}
view.addEventListener("pointerup", released);
view.addEventListener("pointercancel", released);
view.addEventListener("pointerleave", () => {
  if (!drag && state.pen && !state.pen.down) state.pen = null;
  drawRing();
});
view.addEventListener("wheel", event => {
  if (!state.picture) return;
  event.preventDefault();
  const { left, top } = box();
  zoom(Math.exp(-clamp(event.deltaY, -100, 100) / 400), event.clientX - left, event.clientY - top);
}, { passive: false });

// Keys in the picture, and those of the whole page.
function keyMove(dx, dy, far) {
  if (far) return pan(-60 * dx, -60 * dy);
  if (state.mode === "compare") return setSplit(state.split + 0.02 * dx);
  const { picture, pen } = state;
  const step = state.mode === "mark" ? Math.max(Math.round(state.size / 3), 1) : state.rates.cell;
  const start = pen ?? { x: picture.width / 2, y: picture.height / 2 };
  const to = { x: clamp(start.x + step * dx, 0, picture.width),
    y: clamp(start.y + step * dy, 0, picture.height) };
  if (pen?.down) stroke(to);
  else state.pen = to;
  drawRing();
}
function keyPen(dab) {
  const { picture } = state, start = state.pen ?? { x: picture.width / 2, y: picture.height / 2 };
  if (state.mode === "rates") return void pick(start);
  if (state.mode !== "mark" || state.tool === "move") return;
  if (state.pen?.down) return lift();
  state.mask.begin();
  stroke(start);
  if (dab) lift();
  drawRing();
  say(dab ? "" : "Brush down. Move it with the arrows; Space lifts it.");
}
view.addEventListener("keydown", event => {
  if (!state.picture || state.busy || event.ctrlKey || event.metaKey || event.altKey) return;
  const far = event.shiftKey;
  const act = {
    ArrowUp: () => keyMove(0, -1, far), ArrowDown: () => keyMove(0, 1, far),
    ArrowLeft: () => keyMove(-1, 0, far), ArrowRight: () => keyMove(1, 0, far),
    " ": () => keyPen(false), Enter: () => keyPen(true),
    "[": () => setSize(state.size / 1.25 - 0.5), "]": () => setSize(state.size * 1.25 + 0.5),
    b: () => setTool("brush"), e: () => setTool("eraser"), m: () => setTool("move"),
    "+": () => zoom(TIMES), "=": () => zoom(TIMES), "-": () => zoom(1 / TIMES), 0: fit,
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.target !== view) return;
  event.preventDefault();
  act();
});
view.addEventListener("blur", () => { if (state.pen?.down && !drag) lift(); });
function history(back) {
  if (!state.picture || state.busy) return;
  lift();
  say("");
  if (state.mode !== "mark") setMode("mark");
  changed(back ? state.mask.undo() : state.mask.redo());
}
addEventListener("keydown", event => {
  if (event.key === "Escape" && state.busy) state.busy.abort();
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
  const key = event.key.toLowerCase();
  if (key !== "z" && key !== "y") return;
  event.preventDefault();
  history(key === "z" && !event.shiftKey);
});

// Buttons and files.
const on = (id, act, kind = "click") => at(id).addEventListener(kind, act);
for (const button of document.querySelectorAll("[data-tool]"))
  button.addEventListener("click", () => setTool(button.dataset.tool));
for (const button of document.querySelectorAll("[data-mode]"))
  button.addEventListener("click", () => setMode(button.dataset.mode));
on("size", () => setSize(+at("size").value), "input");
on("undo", () => history(true));
on("redo", () => history(false));
on("clear", () => { setMode("mark"); say(""); changed(state.mask.replace(null, false)); });
on("in", () => zoom(TIMES));
on("out", () => zoom(1 / TIMES));
on("fit", fit);
on("split", () => setSplit(at("split").value / 1000), "input");
on("choose", () => at("file").click());
on("other", () => at("file").click());
on("page", () => openPage(at("page").value), "change");
on("propose", propose);
on("load", () => at("mask-file").click());
on("save", saveMask);
on("restore", restore);
on("cancel", () => state.busy?.abort());
on("form", chooseForm, "change");
on("copy", copy);
at("trouble").lastElementChild.addEventListener("click", () => trouble(""));
for (const [id, act] of [["file", open], ["mask-file", loadMask]])
  on(id, () => {
    const [file] = at(id).files;
    at(id).value = ""; // so that the same file can be chosen again
    if (file) act(file);
  }, "change");
for (const kind of ["dragenter", "dragover", "dragleave", "drop"])
  addEventListener(kind, event => {
    event.preventDefault();
    view.classList.toggle("over", kind === "dragenter" || kind === "dragover");
    const [file] = kind === "drop" ? event.dataTransfer.files : [];
    if (file && !state.busy) open(file);
  });
new ResizeObserver(() => { if (state.picture) (state.fitted ? fit : lay)(); }).observe(view);
at("limits").textContent = `JPEG, PNG, TIFF, WebP and others; up to ${limits.bytes / 1e6} MB and ` +
  `${limits.pixels / 1e6} million pixels.`;
refresh();
