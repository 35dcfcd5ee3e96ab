// What stands beside the incidents: sources, model, feedback, a line to try, and the head.

import { get, metrics, send } from "./api.js";
import { sparkline } from "./spark.js";
import { bytes, count, element, moment, shaded, visible } from "./text.js";

const $ = (id) => document.getElementById(id);
const RATES_SECONDS = 60;

let before = null; // the last sample of /metrics, with its time
let asked = -Infinity; // when /api/rates was asked
const drawn = new Map(); // by source, its lines and anomalies of late

export async function showHealth() {
  let well = false;
  let text = "the daemon does not answer";
  try {
    const answer = await fetch("/readyz");
    const body = await answer.json();
    well = answer.ok;
    text = body.reason ?? body.error;
  } catch {
    // it does not answer: that is what is said
  }
  $("health").className = well ? "ok" : "bad";
  $("health-text").replaceChildren(...visible(text));
  return well;
}

export async function showFigures() {
  const now = { time: performance.now() / 1000, ...(await metrics()) };
  const since = (name) => (now[name] ?? 0) - (before?.[name] ?? 0);
  if (before) {
    const lines = since("tinylogbert_read_lines_total") / (now.time - before.time);
    $("figure-lines").textContent = count(Math.max(0, lines));
    const hits = since("tinylogbert_shape_cache_hits_total");
    const all = hits + since("tinylogbert_shape_cache_misses_total");
    if (all > 0) $("figure-cache").textContent = `${(100 * hits / all).toFixed(1)} %`;
  }
  $("figure-lag").textContent = bytes(now.tinylogbert_source_lag_bytes ?? 0);
  before = now;
}

const sum = (counts) => counts.reduce((a, b) => a + b, 0);

// What the daemon has counted since before this page was opened: asked at once, then each minute.
export async function showRates() {
  const now = performance.now() / 1000;
  if (now - asked < RATES_SECONDS) return;
  const { seconds, running_seconds: running, sources } = await get("/api/rates");
  asked = now;
  drawn.clear();
  for (const source of sources) drawn.set(source.name, source);
  const spans = sources[0]?.lines.length ?? 0;
  if (!spans) return;
  const lines = sources[0].lines.map((_, i) => sum(sources.map((one) => one.lines[i])));
  const anomalies = sum(sources.flatMap((one) => one.anomalies));
  const label = `lines a minute for ${count(spans)} min: at most ${count(Math.max(...lines))}; `
    + `${count(anomalies)} anomalies in all`;
  $("spark-lines").replaceChildren(sparkline([{ counts: lines, name: "lines" }], label));
  // the last whole minute, until this page has seen for itself
  const rate = spans > 1 ? lines[spans - 2] / seconds : lines[0] / Math.max(1, running);
  if (!before) $("figure-lines").textContent = count(rate);
}

function rate(source) {
  const found = drawn.get(source.name);
  if (!found) return "";
  const rows = [{ counts: found.lines, name: "lines" }];
  const anomalies = sum(found.anomalies);
  if (anomalies) rows.push({ counts: found.anomalies, name: "anomalies" });
  const label = `a minute for ${count(found.lines.length)} min: at most `
    + `${count(Math.max(...found.lines))} lines and ${count(Math.max(...found.anomalies))} of `
    + `${count(anomalies)} anomalies`;
  return sparkline(rows, label);
}

const HOW = {
  configured: "set in the configuration",
  recognised: "recognised from its records",
  none: "no known format; without a date in a record, the clock's time holds",
  unread: "nothing was read since the start",
};

// One source's formats; how many files have each, where there are several.
function formats(found) {
  return found.flatMap(({ name, how, files }, i) => [
    i ? ", " : "",
    element("span", { title: HOW[how] }, name ?? (how === "none" ? "none" : "–"),
      how === "configured" ? " (set)" : "", found.length > 1 ? ` ${count(files)}` : ""),
  ]);
}

export async function showSources() {
  const { sources } = await get("/api/sources");
  $("sources").replaceChildren(...sources.map((source) => element(
    "tr", {},
    element("th", { scope: "row" }, ...visible(source.name),
      element("span", { class: "format" }, ...formats(source.formats))),
    element("td", { class: source.state }, source.state),
    element("td", {}, count(source.files), source.unreadable ? ` (${source.unreadable} unreadable)` : ""),
    element("td", {}, count(source.lines), rate(source)),
    element("td", {}, bytes(source.lag_bytes)),
  )));
  const chosen = $("filter-source");
  for (const { name } of sources) {
    if (![...chosen.options].some((option) => option.value === name)) {
      chosen.append(element("option", { value: name }, ...visible(name)));
    }
  }
}

export async function showModel() {
  const card = await get("/api/model");
  const rows = [
    ["name", [card.name]], ["type", [card.type]], ["trained", [moment(card.trained)]],
    ["normaliser", [`version ${card.normalizer}`]],
    ["texts it knows", [count(card.counted_texts)]],
  ];
  for (const key of ["records", "texts", "epochs", "steps", "seconds"]) {
    const value = card.training[key];
    if (typeof value === "number") rows.push([`training: ${key}`, [count(value)]]);
  }
  $("model").replaceChildren(...rows.flatMap(([term, value]) => [
    element("dt", {}, term), element("dd", {}, ...value),
  ]));
}

export async function showFeedback() {
  const { entries } = await get("/api/feedback", { active: true, limit: 20 });
  $("feedback-none").hidden = entries.length > 0;
  $("feedback").replaceChildren(...entries.map((entry) => element(
    "li", {},
    element("strong", {}, entry.kind), entry.near === null ? "" : " and texts like it",
    entry.author ? element("span", {}, " by ", ...visible(entry.author)) : "",
    ...(entry.expires ? [" until ", moment(entry.expires)] : []), " ",
    element("button", { type: "button", "data-undo": entry.number }, "Undo"),
    element("span", { class: "usual" }, ...visible(entry.sample.slice(0, 300))),
    entry.note ? element("span", { class: "usual" }, ...visible(entry.note)) : "",
  )));
}

export async function tryLine() {
  const text = $("try-text").value;
  const shown = $("try-result");
  try {
    const found = await send("POST", "/api/anomaly/detect", { log_text: text });
    const read = await send("POST", "/api/anomaly/tokenize", { log_text: text });
    shown.replaceChildren(
      element("p", { class: "reason" },
        element("strong", {}, found.anomaly ? "anomaly" : "no anomaly"),
        `: score ${found.score.toFixed(2)}, severity ${found.severity.toFixed(2)}, `
        + `novelty ${found.novelty.toFixed(2)}, surprise ${found.raw.toFixed(1)} nats a token`),
      element("p", { class: "usual" }, "read as: ", ...shaded(read.text.slice(0, 2000), [])),
    );
  } catch (error) {
    shown.replaceChildren(element("p", { class: "error" }, ...visible(error.message)));
  }
}
