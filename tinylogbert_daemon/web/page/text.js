// Text of log lines as nodes: nothing of it is ever read as markup, and nothing in it acts.

// control characters, and those that turn the direction of text or cannot be seen
const ACTS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Return nodes for a text in which whatever acts is shown by its number.
export function visible(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(ACTS)) {
    if (found.index > from) nodes.push(text.slice(from, found.index));
    const number = found[0].codePointAt(0).toString(16).padStart(2, "0");
    nodes.push(element("span", { class: "control" }, `\\u{${number}}`));
    from = found.index + 1;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

const WORD = /[^\W\d_]+/gu;

// Return nodes for a line in which each of `words` ({word, share}) is shaded by its share.
export function shaded(line, words) {
  const shares = new Map(words.map(({ word, share }) => [word.toLowerCase(), share]));
  const most = Math.max(...shares.values(), 1e-9);
  const nodes = [];
  let from = 0;
  for (const found of line.matchAll(WORD)) {
    const parts = [...found[0].matchAll(/[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^A-Za-z]+/gu)];
    for (const part of parts) {
      const share = shares.get(part[0].toLowerCase());
      if (share === undefined) continue;
      const at = found.index + part.index;
      nodes.push(...visible(line.slice(from, at)));
      const mark = element("mark", { title: `${Math.round(share * 100)} % of the surprise` }, part[0]);
      mark.style.setProperty("--share", (share / most).toFixed(2));
      nodes.push(mark);
      from = at + part[0].length;
    }
  }
  nodes.push(...visible(line.slice(from)));
  return nodes;
}

// Return nodes for runs of words: [["same" | "gone" | "here", words], …].
export function difference(runs) {
  return runs.flatMap(([kind, words]) => {
    const name = { gone: "del", here: "ins" }[kind];
    return name ? [element(name, {}, ...visible(words)), " "] : [...visible(words), " "];
  });
}

export function moment(seconds) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return element("span", {}, "–");
  const today = date.toDateString() === new Date().toDateString();
  const shown = today ? date.toLocaleTimeString() : date.toLocaleString();
  return element("time", { datetime: date.toISOString(), title: date.toISOString() }, shown);
}

export const count = (number) => Math.round(number).toLocaleString();

export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (number >= 1024 && unit < units.length - 1) {
    number /= 1024;
    unit += 1;
  }
  return `${number < 10 && unit ? number.toFixed(1) : Math.round(number)} ${units[unit]}`;
}

export function duration(seconds) {
  if (seconds < 120) return `${Math.max(1, Math.round(seconds))} s`;
  return seconds < 3 * 3600 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}
