// One incident as an article, and the sparkline of its rate.

import { count, difference, duration, element, moment, shaded, visible } from "./text.js";

const SEVERE = 0.8;
const SAMPLES = 40;
const SVG = "http://www.w3.org/2000/svg";

const history = new Map(); // records by the time at which this page saw them

// Remember how many records an incident has, to draw how they came.
export function observe(incident) {
  const seen = history.get(incident.id) ?? [[incident.opened, 1]];
  const [lastTime, lastCount] = seen.at(-1);
  if (incident.records > lastCount && incident.last_seen > lastTime) {
    seen.push([incident.last_seen, incident.records]);
  }
  if (seen.length > SAMPLES) seen.splice(1, 1);
  history.set(incident.id, seen);
}

function sparkline(incident) {
  const seen = history.get(incident.id) ?? [];
  if (seen.length < 2) return null;
  const rates = seen.slice(1).map(([time, records], i) => [
    time, (records - seen[i][1]) / Math.max(1, time - seen[i][0]),
  ]);
  const begin = seen[0][0];
  const span = Math.max(1, seen.at(-1)[0] - begin);
  const most = Math.max(...rates.map(([, rate]) => rate));
  const points = rates.flatMap(([time, rate], i) => {
    const x = (at) => (100 * (at - begin) / span).toFixed(1);
    const y = (19 - 18 * rate / most).toFixed(1);
    return [`${x(i ? rates[i - 1][0] : begin)},${y}`, `${x(time)},${y}`];
  });
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 100 20");
  drawing.setAttribute("preserveAspectRatio", "none");
  drawing.setAttribute("class", "spark");
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", `rate of records; at most ${most.toFixed(2)} a second`);
  const path = document.createElementNS(SVG, "polyline");
  path.setAttribute("points", points.join(" "));
  path.setAttribute("vector-effect", "non-scaling-stroke");
  drawing.append(path);
  return drawing;
}

function meter(label, value) {
  return element(
    "span", {}, `${label} `,
    element("meter", { min: 0, max: 1, value: value.toFixed(3), "aria-label": label }),
    ` ${value.toFixed(2)}`,
  );
}

function state(incident) {
  if (incident.muted) {
    const until = incident.muted.until ? [" until ", moment(incident.muted.until)] : [];
    const by = incident.muted.author ? [" by ", ...visible(incident.muted.author)] : [];
    return element("span", { class: "badge muted" }, `${incident.muted.kind}`, ...by, ...until);
  }
  const open = incident.status === "open";
  const why = incident.withheld ? `, not sent: ${incident.withheld}` : "";
  return element("span", { class: `badge ${open ? "open" : ""}` }, `${incident.status}${why}`);
}

export function article(incident) {
  const severe = incident.score >= SEVERE ? "severe" : "";
  const closed = incident.status === "closed" ? "closed" : "";
  const title = `incident-${incident.id}`;
  const made = element(
    "article",
    { class: `${severe} ${closed}`, tabindex: "0", "aria-labelledby": title, "data-id": incident.id },
    element(
      "div", { class: "top" },
      element("h3", { id: title }, ...visible(incident.source), " · ", moment(incident.time)),
      state(incident),
      ...(incident.level ? [element("span", { title: "the record's own level" }, incident.level)] : []),
      element("span", {}, incident.records > 1
        ? `${count(incident.records)} records in ${duration(incident.duration)}` : "1 record"),
      element("span", { title: "where the first record stands" },
        ...visible(incident.path), `, byte ${count(incident.offset)}`),
    ),
    element("p", { class: "line" }, ...shaded(incident.log_text, incident.words)),
    element("p", { class: "reason" }, ...visible(incident.reason)),
  );
  if (incident.nearest) {
    made.append(element("p", { class: "usual" },
      "usual: ", ...difference(incident.nearest.difference)));
  }
  for (const example of incident.storm?.examples ?? []) {
    if (example.log_text !== incident.log_text) {
      made.append(element("p", { class: "line" }, ...visible(example.log_text)));
    }
  }
  if (incident.records > 1 && incident.last_line !== incident.log_text) {
    made.append(element("p", { class: "usual" }, "last: ", ...visible(incident.last_line)));
  }
  const drawn = sparkline(incident);
  made.append(element(
    "div", { class: "meters" },
    meter("score", incident.score), meter("severity", incident.severity),
    meter("novelty", incident.novelty), ...(drawn ? [drawn] : []),
  ));
  const buttons = element("div", { class: "buttons" });
  for (const [kind, label] of [["normal", "Normal"], ["mute", "Mute …"], ["real", "Real problem"]]) {
    buttons.append(element("button", { type: "button", "data-kind": kind }, label));
  }
  made.append(buttons);
  return made;
}
