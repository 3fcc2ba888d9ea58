"use strict";
const SVG = "http://www.w3.org/2000/svg";
const LANE = 170, MARGIN = 80, HEIGHT = 30, ROWS = 1000, LANES = 6, NAMES = 500;
const KINDS = { CDS: "cluster", EDS: "endpoint list", LDS: "listener", RDS: "route list", SDS: "secret" };
const CAUSES = {
  request: "it was asked", reconnect: "the proxy is back, and told what it holds", subscribe: "names were asked for",
  unsubscribe: "names were given up", push: "the mesh changed", warming: "clusters warm until their endpoints come",
  retry: "the rest of a refused response is due", renewal: "lifetimes are renewed", aside: "a page was asked for",
};
const $ = id => document.getElementById(id);
let entries = [], lanes = [], rows = [], drawn = 0;
const shown = { proxies: new Set(), types: new Set(), silent: false, text: "" };

function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function drawing(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const size = n => n < 1e3 ? `${n} B` : n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
const tail = nonce => (nonce || "").split("/").pop();
const wanted = names => names.includes("*") ? "everything" : names.length === 1 ? names[0] : plural(names.length, "name");
const rulesOf = e => e.rules || (e.rule ? [e.rule] : []);
const keyOf = e => `${e.connection || ""}/${e.n || 0}`;

// The look of an entry: its class, its direction (1 to the server, -1 from it, 0 neither), and the arrow's label.
function look(e) {
  switch (e.event) {
    case "request": {
      const word = { ack: " ACK", nack: " NACK", stale: " stale", invalid: " !" }[e.act] || "";
      return [e.act, 1, e.type + word];
    }
    case "response": return [e.cause === "push" ? "push" : "response", -1, e.type];
    case "silent": return ["silent", 0, `${e.type} –`];
    case "lost": return ["lost", 0, ""];
    default: return ["note", 0, ""];
  }
}

// What an entry says, as a sentence.
function sentence(e) {
  const changes = () => [
    (e.added || []).length ? `asks for ${wanted(e.added)}` : "", (e.removed || []).length ? `gives up ${wanted(e.removed)}` : "",
  ].filter(Boolean).join(", ");
  switch (e.event) {
    case "begun": return `${e.server} serves as ${e.semantics} does`;
    case "connected": return `opens a stream: ${e.only || "ADS"}, ${e.variant === "sotw" ? "state of the world" : "delta"}`;
    case "disconnected": return "the stream ended";
    case "lost": return `${e.entries} entries were lost: they came faster than they were written`;
    case "silent": return `nothing to send: ${e.rule.title}`;
    case "response": {
      const removed = (e.removed || []).length ? `, ${e.removed.length} removed` : "";
      const of = e.added.length === 1 ? e.added[0] : plural(e.added.length, KINDS[e.type] || "resource");
      const what = (e.because || []).filter(key => key.includes("/"));
      const name = key => key.split("/").pop().replace(/\.svc\.cluster\.local$/, "");
      const why = what.length ? `${name(what[0])}${what.length > 1 ? ` and ${what.length - 1} more` : ""} changed` : CAUSES[e.cause] || e.cause;
      return `${tail(e.nonce)}: ${of}${removed}, ${size(e.bytes)}; ${why}`;
    }
  }
  const also = changes();
  switch (e.act) {
    case "first": return also || "asks for nothing";
    case "ack": return `accepts ${e.type} ${tail(e.nonce)}${also ? `, and ${also}` : ""}`;
    case "nack": return `refuses ${e.type} ${tail(e.nonce)}: ${e.error ? e.error.message : ""}${also ? `, and ${also}` : ""}`;
    case "stale": return `answers ${e.type} ${tail(e.nonce)}, which is not the last response${also ? `, and ${also}` : ""}`;
    case "aside": return "asks for a page";
    case "invalid": return `breaks the protocol: ${e.error ? e.error.message : ""}`;
    default: return also || "says nothing new";
  }
}

function isShown(e) {
  if (e.proxy && !shown.proxies.has(e.proxy)) return false;
  if (e.type && !shown.types.has(e.type)) return false;
  if (e.event === "silent" && !shown.silent) return false;
  return !shown.text || JSON.stringify(e).toLowerCase().includes(shown.text);
}

function draw() {
  lanes = [...shown.proxies];
  rows = entries.filter(isShown);
  drawn = 0;
  const width = MARGIN * 2 + LANE * Math.max(1, lanes.length);
  $("diagram").style.setProperty("--lanes", `${width}px`);
  const heads = make("div", { class: "lanes" });
  const head = (n, name, below) => {
    const style = `left:${MARGIN + LANE * n}px;width:${n ? LANE - 12 : MARGIN * 2}px`;
    const of = make("span", { style, title: `${name}.${below}` }, name, make("small", {}, below));
    heads.append(of);
  };
  lanes.forEach((lane, n) => {
    const dot = lane.lastIndexOf(".");
    head(n, dot < 0 ? lane : lane.slice(0, dot), dot < 0 ? "" : lane.slice(dot + 1));
  });
  head(Math.max(1, lanes.length), "server", "xDS");
  const time = make("span", { class: "time" }, "ms");
  $("heads").replaceChildren(time, heads, make("span", {}, "what is said"), make("span", {}, "the rule behind it"));
  $("rows").replaceChildren();
  extend();
}

function extend() {
  const next = rows.slice(drawn, drawn + ROWS);
  $("rows").append(...next.map(row));
  drawn += next.length;
  $("more").hidden = drawn === rows.length;
  $("more").textContent = `Show more: ${rows.length - drawn} lines are left`;
}

function row(e) {
  const [css, direction, label] = look(e);
  const what = sentence(e), rules = rulesOf(e).map(r => `${r.number} ${r.title}`).join("; ");
  const names = [...(e.added || []), ...(e.removed || []).map(n => `− ${n}`)];
  const made = make("div", { class: `row ${css}`, tabindex: 0, "data-key": keyOf(e),
    title: [what, rules, ...names.slice(0, 12), names.length > 12 ? `… ${names.length - 12} more` : ""].filter(Boolean).join("\n") },
    make("span", { class: "time" }, e.ms.toFixed(1)), arrow(e, direction, label),
    make("span", { class: "what" }, what), make("span", { class: "rule" }, rules));
  made.addEventListener("click", () => choose(e));
  made.addEventListener("keydown", key => { if (key.key === "Enter") choose(e); });
  return made;
}

function arrow(e, direction, label) {
  const server = MARGIN + LANE * Math.max(1, lanes.length), width = server + MARGIN;
  const svg = drawing("svg", { width, height: HEIGHT, "aria-hidden": true });
  [...lanes.keys()].map(n => MARGIN + LANE * n).concat(server).forEach(x =>
    svg.append(drawing("line", { class: "lane", x1: x, x2: x, y1: 0, y2: HEIGHT })));
  if (!e.proxy) return svg;
  const from = MARGIN + LANE * lanes.indexOf(e.proxy), y = 21;
  if (direction) {
    const tip = direction > 0 ? server : from, back = tip - 9 * direction;
    svg.append(drawing("line", { class: "arrow", x1: from, x2: server, y1: y, y2: y }));
    svg.append(drawing("path", { d: `M${tip} ${y}L${back} ${y - 4}L${back} ${y + 4}Z`, fill: "currentColor" }));
  } else if (e.event !== "silent") {
    svg.append(drawing("circle", { cx: from, cy: y - 6, r: 4, fill: "currentColor" }));
  }
  const at = e.event === "silent" || direction < 0 ? { x: server - 12, "text-anchor": "end" } : { x: from + 10 };
  svg.append(drawing("text", { ...at, y: y - 6 }, label));
  return svg;
}

function choose(e) {
  document.querySelectorAll(".chosen, .kin").forEach(other => other.classList.remove("chosen", "kin"));
  for (const other of rows) {
    const isKin = e.nonce && other.nonce === e.nonce && other.connection === e.connection && other.type === e.type;
    if (!isKin && other !== e) continue;
    const found = document.querySelector(`[data-key="${CSS.escape(keyOf(other))}"]`);
    if (found) found.classList.add(other === e ? "chosen" : "kin");
  }
  history.replaceState(null, "", `#${encodeURIComponent(keyOf(e))}`);
  const who = { response: "The server sends", silent: "The server:" }[e.event] || e.proxy || "";
  const list = make("dl");
  const add = (term, value) => {
    if (value === undefined || value === null || value === "" || (Array.isArray(value) && !value.length)) return;
    if (!Array.isArray(value)) return list.append(make("dt", {}, term), make("dd", {}, value));
    const items = value.slice(0, NAMES).map(item => make("li", {}, item));
    if (value.length > NAMES) items.push(make("li", {}, `and ${value.length - NAMES} more`));
    list.append(make("dt", {}, `${term} (${value.length})`), make("dd", {}, make("ul", {}, ...items)));
  };
  const rules = rulesOf(e).map(rule => {
    const page = rule.source.match(/^xds_protocol(#.*)$/);
    const source = page
      ? make("a", { href: `https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol${page[1]}`, rel: "noreferrer" },
        `Envoy's documentation: ${rule.source}`)
      : rule.source;
    return make("div", { class: "box" }, make("b", {}, `${rule.number} ${rule.title}`), make("br"), source);
  });
  add("Sent because", e.cause && (CAUSES[e.cause] || e.cause)); add("What changed", e.because);
  add("Refused because", e.error && `${e.error.message} (code ${e.error.code})`);
  add(e.event === "response" ? "Resources" : "Asks for", e.added); add(e.event === "response" ? "Removed" : "Gives up", e.removed);
  add("resource_names", e.names); add("resource_names_subscribe", e.subscribe);
  add("resource_names_unsubscribe", e.unsubscribe); add("Holds already", e.held && Object.keys(e.held));
  add("Version", e.version); add(e.event === "response" ? "Nonce" : "Answers nonce", e.nonce);
  add("Size", e.bytes === undefined ? "" : size(e.bytes)); add("Type", e.type_url);
  add("Node", e.node && e.node.id); add("Stream", e.connection && `${e.connection}, entry ${e.n}`); add("At", e.at);
  $("details").replaceChildren(make("h2", {}, `${who} ${sentence(e)}`.trim()), ...rules, list);
}

function box(name, set) {
  const input = make("input", { type: "checkbox", value: name });
  input.checked = set.has(name);
  input.addEventListener("change", () => { input.checked ? set.add(name) : set.delete(name); draw(); });
  return make("label", {}, input, ` ${name}`);
}

function start() {
  entries = $("entries").textContent.split("\n").filter(Boolean).map(text => {
    // The last line may not have been written to its end.
    try { return JSON.parse(text); } catch { return null; }
  }).filter(Boolean);
  const proxies = [...new Set(entries.map(e => e.proxy).filter(Boolean))];
  const types = [...new Set(entries.map(e => e.type).filter(Boolean))];
  shown.types = new Set(types);
  shown.proxies = new Set(proxies.slice(0, LANES));
  const chosen = entries.find(e => keyOf(e) === decodeURIComponent(location.hash.slice(1)));
  if (chosen && chosen.proxy) shown.proxies.add(chosen.proxy);
  const count = event => entries.filter(e => e.event === event).length;
  $("summary").textContent = [plural(proxies.length, "prox").replace(/proxs$/, "proxies").replace(/prox$/, "proxy"),
    plural(count("request"), "request"), plural(count("response"), "response"),
    plural(entries.filter(e => e.act === "nack").length, "NACK")].join(", ");
  $("types").append(...types.map(type => box(type, shown.types)));
  $("proxies").append(...proxies.map(proxy => box(proxy, shown.proxies)));
  const many = proxies.length > LANES ? `, ${LANES} of ${proxies.length} shown at first` : "";
  $("proxies").firstElementChild.textContent = `Proxies${many}`;
  $("silent").addEventListener("change", () => { shown.silent = $("silent").checked; draw(); });
  $("search").addEventListener("input", () => { shown.text = $("search").value.toLowerCase(); draw(); });
  $("filters").addEventListener("submit", event => event.preventDefault());
  $("more").addEventListener("click", extend);
  draw();
  if (chosen) choose(chosen);
}

document.addEventListener("DOMContentLoaded", start);
