"use strict";
const entries = JSON.parse(document.getElementById("entries").textContent);
const lanes = [...new Set(entries.map(e => e.proxy).filter(Boolean))];
const kinds = [...new Set(entries.map(e => e.type).filter(Boolean))];
const hidden = { proxies: new Set(), kinds: new Set(["silent"]) };
const SVG = "http://www.w3.org/2000/svg";
const ROW = 24, TIME = 90, LANE = 440, TOP = 34, SHOWN = 2;

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function listed(names) {
  const shown = names.slice(0, SHOWN).join(", ");
  return names.length > SHOWN ? `${shown} +${names.length - SHOWN}` : shown;
}

// What an entry looks like: its class, its direction (1 to the server, -1 from it, 0 neither), its label.
function look(e) {
  switch (e.event) {
    case "request": {
      const act = { first: "", change: "", ack: "ACK ", nack: "NACK ", stale: "stale " }[e.act];
      const names = [...(e.added || []).map(n => "+" + n), ...(e.removed || []).map(n => "−" + n)];
      return [e.act, 1, `${e.type} ${act}${e.error ? JSON.stringify(e.error) : listed(names)}`];
    }
    case "response": {
      const gone = (e.removed || []).length ? ` −${e.removed.length}` : "";
      const what = e.added.length > 1 ? `${e.added.length} resources` : listed(e.added);
      return [e.cause === "push" ? "push" : "response", -1, `${e.type} ${what}${gone} (${e.cause})`];
    }
    case "silent": return ["silent", 0, `${e.type} nothing to say (${e.cause})`];
    case "connected": return ["note", 0, `connected, ${e.variant}${e.only ? ", " + e.only + " alone" : ""}`];
    case "disconnected": return ["note", 0, "disconnected"];
    default: return ["note", 0, `${e.entries} entries lost`];
  }
}

function isShown(e) {
  if (hidden.proxies.has(e.proxy)) return false;
  return !(e.event === "silent" && hidden.kinds.has("silent")) && !hidden.kinds.has(e.type);
}

function draw() {
  const shownLanes = lanes.filter(l => !hidden.proxies.has(l));
  const rows = entries.filter(isShown);
  const width = TIME + LANE * Math.max(1, shownLanes.length) + 110, height = TOP + ROW * rows.length + 20;
  const svg = element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" });
  const server = width - 70;
  const at = lane => TIME + 20 + LANE * shownLanes.indexOf(lane);
  const head = (x, text) => {
    svg.append(element("line", { class: "lane", x1: x, x2: x, y1: TOP - 6, y2: height }));
    svg.append(element("text", { class: "head", x: x - 8, y: 18 }, text));
  };
  shownLanes.forEach(lane => head(at(lane), lane));
  head(server, "xds-server");
  rows.forEach((e, n) => {
    const [css, direction, label] = look(e);
    const y = TOP + ROW * n + ROW / 2, from = e.proxy ? at(e.proxy) : TIME;
    const row = element("g", { class: `row ${css}`, tabindex: 0 });
    row.append(element("rect", { x: 0, y: y - ROW / 2, width, height: ROW }));
    row.append(element("text", { class: "time", x: 6, y: y + 4 }, `${e.ms.toFixed(1)} ms`));
    if (direction !== 0) {
      const tip = direction > 0 ? server : from, back = tip - 8 * direction;
      row.append(element("line", { x1: from, x2: server, y1: y + 7, y2: y + 7, stroke: "currentColor" }));
      row.append(element("path", { d: `M${tip} ${y + 7}L${back} ${y + 3}L${back} ${y + 11}Z`, fill: "currentColor" }));
    }
    row.append(element("text", { x: from + 10, y: y + 2 }, label));
    row.addEventListener("click", () => choose(e, row));
    row.addEventListener("keydown", key => { if (key.key === "Enter") choose(e, row); });
    svg.append(row);
  });
  document.getElementById("diagram").replaceChildren(svg);
}

function choose(e, row) {
  document.querySelectorAll(".chosen").forEach(other => other.classList.remove("chosen"));
  row.classList.add("chosen");
  const details = document.getElementById("details");
  const title = document.createElement("h2");
  title.textContent = `${e.event}${e.act ? " (" + e.act + ")" : ""} ${e.type || ""}`;
  const list = document.createElement("dl");
  const add = (term, value) => {
    if (value === undefined || value === "" || value === null) return;
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = term;
    if (Array.isArray(value)) {
      if (!value.length) return;
      dt.textContent = `${term} (${value.length})`;
      const ul = document.createElement("ul");
      value.forEach(item => { const li = document.createElement("li"); li.textContent = item; ul.append(li); });
      dd.append(ul);
    } else dd.textContent = value;
    list.append(dt, dd);
  };
  const rules = e.rules || (e.rule ? [e.rule] : []);
  add("Rule", rules.map(r => `${r.number}: ${r.title} — ${r.source}`));
  add("Why", e.cause); add("What changed", e.because); add("Refused because", e.error);
  add("Added", e.added); add("Removed", e.removed);
  add("Names", e.names); add("Subscribes", e.subscribe); add("Unsubscribes", e.unsubscribe);
  add("Holds already", e.held && Object.keys(e.held));
  add("Version", e.version); add("Nonce", e.nonce); add("Bytes", e.bytes);
  add("Node", e.node && e.node.id); add("Stream", e.connection); add("At", e.at);
  details.replaceChildren(title, list);
}

function filter(legend, names, set) {
  const fieldset = document.createElement("fieldset"), title = document.createElement("legend");
  title.textContent = legend;
  fieldset.append(title);
  names.forEach(name => {
    const label = document.createElement("label"), box = document.createElement("input");
    box.type = "checkbox"; box.checked = !set.has(name); box.dataset.name = name;
    box.addEventListener("change", () => { box.checked ? set.delete(name) : set.add(name); draw(); });
    label.append(box, " " + name);
    fieldset.append(label);
  });
  document.getElementById("filters").append(fieldset);
}

filter("Proxies", lanes, hidden.proxies);
filter("Types", [...kinds, "silent"], hidden.kinds);
draw();
