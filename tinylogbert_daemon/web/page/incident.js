// One incident as an article, and the sparkline of its rate.

import { sparkline } from "./spark.js";
import { count, difference, duration, element, moment, shaded, visible } from "./text.js";

const SEVERE = 0.8;

// Its rate from the opening on, as the daemon has counted it; nothing where all came at once.
function rate({ curve }) {
  if (!curve || curve.counts.length < 2) return null;
  const most = Math.max(...curve.counts);
  const label = `records over time: at most ${count(most)} in ${duration(curve.seconds)}`;
  return sparkline([{ counts: curve.counts, name: "records" }], label);
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
  const drawn = rate(incident);
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
