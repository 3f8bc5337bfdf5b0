"use strict";
// The state is the address: what is chosen stands behind the #, so that a link shows the same plan.
const POWERS = [["gpus", "GPUs", 0, 14], ["global_batch", "global batch, sequences", 4, 14], ["seq_len", "sequence length", 9, 17]];
const SLIDERS = {
  train: POWERS,
  infer: [["batch", "batch of a replica", 0, 10], ["prompt_tokens", "prompt tokens", 4, 17], ["output_tokens", "output tokens", 0, 14]],
};
const LAYOUT = {
  train: ["tp", "cp", "pp", "vpp", "dp", "ep", "zero", "micro_batch", "recompute", "sequence_parallel"],
  infer: ["tp", "pp", "dp", "ep"],
};
const FIRST = {
  train: { model: "llama-65b", gpu: "h100-sxm-80gb", gpus: "512", price_per_gpu_hour: "2.5" },
  infer: { model: "llama-3.1-70b", gpu: "h100-sxm-80gb", batch: "16", prompt_tokens: "1024", output_tokens: "256", price_per_gpu_hour: "2.5" },
};
const element = (id) => document.getElementById(id);
let offered = null, command = "train", given = {}, latest = 0;

function read() {
  const [name, query] = location.hash.slice(1).split("?");
  command = name === "infer" ? "infer" : "train";
  given = query ? Object.fromEntries(new URLSearchParams(query)) : { ...FIRST[command] };
}

function make(tag, properties = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function set(name, value) {
  if (value === "" || value === null) delete given[name]; else given[name] = String(value);
  if (name === "gpus" || name === "model" || name === "gpu") for (const size of LAYOUT[command]) delete given[size];
  ask();
}

function form() {
  const fields = element("options");
  fields.replaceChildren();
  const program = command === "train" ? ["framework", "frameworks"] : ["engine", "engines"];
  for (const [name, kind] of [["model", "models"], ["gpu", "gpus"], ["dtype", "dtypes"], program]) {
    const choice = make("select", { id: name, onchange: () => set(name, choice.value) });
    if (name !== "model" && name !== "gpu") choice.append(make("option", { value: "", textContent: "usual" }));
    for (const one of offered[kind]) choice.append(make("option", { value: one, textContent: one }));
    choice.value = given[name] || "";
    fields.append(make("label", { htmlFor: name, textContent: name }), choice);
  }
  for (const [name, words, least, most] of SLIDERS[command]) {
    const shown = make("output", { textContent: given[name] || "usual" });
    const power = given[name] ? Math.round(Math.log2(Number(given[name]))) : Math.round((least + most) / 2);
    const slider = make("input", { id: name, type: "range", min: least, max: most, value: power });
    slider.oninput = () => { shown.textContent = 2 ** slider.value; set(name, 2 ** slider.value); };
    fields.append(make("label", { htmlFor: name }, [words, shown]), slider);
  }
  for (const [name, words] of [["price_per_gpu_hour", "price of a GPU-hour"]]) {
    const box = make("input", { id: name, value: given[name] || "", oninput: () => set(name, box.value) });
    fields.append(make("label", { htmlFor: name, textContent: words }), box);
  }
  const layout = make("fieldset", {}, [make("legend", { textContent: "layout" })]);
  for (const name of LAYOUT[command]) {
    const box = make("input", { id: name, value: given[name] ?? "", placeholder: "best", onchange: () => set(name, box.value) });
    layout.append(make("div", {}, [make("label", { htmlFor: name, textContent: name.replaceAll("_", " ") }), box]));
  }
  layout.append(make("button", { id: "best", type: "button", textContent: "best layout", onclick: () => {
    for (const name of LAYOUT[command]) delete given[name];
    ask();
  } }));
  fields.append(layout);
  for (const name of ["train", "infer"]) element(name).setAttribute("aria-pressed", String(name === command));
}

async function post(path, body) {
  const response = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  const found = await response.json();
  if (!response.ok) throw new Error(found.error);
  return found;
}

function typed() {
  const flags = new Set(Object.entries(offered.options[command]).filter(([, option]) => option.flag).map(([name]) => name));
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, flags.has(name) ? value === "true" : value]));
}

async function ask() {
  const turn = ++latest, began = performance.now();
  history.replaceState(null, "", `#${command}?${new URLSearchParams(given)}`);
  try {
    const found = await post(`api/${command}`, typed());
    if (turn !== latest) return;
    show(found, performance.now() - began);
  } catch (error) {
    if (turn !== latest) return;
    element("error").textContent = error.message;
    element("error").hidden = false;
    element("took").textContent = "";
  }
}

function show(found, milliseconds) {
  element("error").hidden = true;
  element("title").textContent = found.title;
  element("title").className = found.feasible ? "" : "no";
  element("layout").textContent = found.layout;
  element("facts").replaceChildren(...found.facts.flatMap(([name, words]) => [make("dt", { textContent: name }), make("dd", { textContent: words })]));
  element("bars").replaceChildren(...found.bars.flatMap(bar));
  element("command").textContent = found.command;
  element("words").replaceChildren(...[...found.warnings, ...found.assumptions].map((line) => make("li", { textContent: line })));
  element("took").textContent = `${Math.round(milliseconds)} ms`;
  for (const [name, value] of Object.entries(found.chosen)) {
    given[name] = String(value);
    const box = element(name);
    if (box && document.activeElement !== box) box.value = value;
  }
  history.replaceState(null, "", `#${command}?${new URLSearchParams(given)}`);
  element("frontier").hidden = command !== "infer";
  if (command === "infer") post("api/frontier", typed()).then(curve, () => { element("frontier").hidden = true; });
}

function bar({ title, parts, end }) {
  const whole = parts.reduce((sum, part) => sum + part.size, 0), most = Math.max(whole, end || 0);
  const made = make("div", { className: "bar", role: "img", ariaLabel: title });
  for (const part of parts) {
    const piece = make("span", { title: `${part.line}: ${part.words}` });
    piece.style.width = `${100 * part.size / most}%`;
    piece.style.background = part.colour;
    made.append(piece);
  }
  if (end) {
    const capacity = make("i", { title: "capacity" });
    capacity.style.left = `${100 * end / most}%`;
    made.append(capacity);
  }
  const key = make("ul", { className: "key" }, parts.map((part) => {
    const box = make("b");
    box.style.background = part.colour;
    return make("li", {}, [box, `${part.line} ${part.words}`]);
  }));
  return [make("h3", { textContent: title }), made, key];
}

function curve({ points }) {
  const place = element("curve");
  if (!points.length) { place.replaceChildren(); element("frontier").hidden = true; return; }
  const name = "http://www.w3.org/2000/svg", wide = 560, high = 260, left = 60, low = 40;
  const most = Math.max(...points.map((point) => point.next_token_seconds)), top = Math.max(...points.map((point) => point.tokens_per_second_per_gpu));
  const at = (point) => [left + (wide - left - 20) * point.next_token_seconds / most, high - low - (high - low - 20) * point.tokens_per_second_per_gpu / top];
  const svg = document.createElementNS(name, "svg");
  svg.setAttribute("viewBox", `0 0 ${wide} ${high}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "output tokens/s a GPU over milliseconds per token, by batch");
  const add = (tag, attributes, text = "") => {
    const made = document.createElementNS(name, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    svg.append(made);
  };
  add("polyline", { points: points.map((point) => at(point).join(",")).join(" ") });
  for (const point of points) {
    const [x, y] = at(point);
    add("circle", { cx: x, cy: y, r: 3.5 });
    add("text", { x: x + 5, y: y + 14 }, `${point.batch}`);
  }
  add("text", { x: left, y: high - 8 }, `ms per token, up to ${(1000 * most).toFixed(1)}; numbers are batches`);
  add("text", { x: 4, y: 14 }, `tokens/s a GPU, up to ${top.toFixed(0)}`);
  place.replaceChildren(svg);
}

element("copy").onclick = () => navigator.clipboard.writeText(element("command").textContent);
for (const name of ["train", "infer"]) element(name).onclick = () => { location.hash = name; };
addEventListener("hashchange", () => { read(); form(); ask(); });
fetch("api/offered").then((response) => response.json()).then((found) => { offered = found; read(); form(); ask(); });
