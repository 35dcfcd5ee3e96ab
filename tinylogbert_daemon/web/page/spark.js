// A sparkline: how many there were, span by span, as steps from left to right.

const SVG = "http://www.w3.org/2000/svg";

function made(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

// Each of `rows` is { counts, name }, drawn against its own largest count; `label` is read out.
export function sparkline(rows, label) {
  const drawing = made("svg", {
    viewBox: "0 0 100 20", preserveAspectRatio: "none", class: "spark", role: "img",
    "aria-label": label,
  });
  const title = made("title", {});
  title.textContent = label;
  drawing.append(title);
  for (const { counts, name } of rows) {
    const most = Math.max(1, ...counts);
    const points = counts.flatMap((many, i) => {
      const y = (19 - 18 * many / most).toFixed(1);
      return [i, i + 1].map((at) => `${(100 * at / counts.length).toFixed(1)},${y}`);
    });
    drawing.append(made("polyline", {
      points: points.join(" "), class: name, "vector-effect": "non-scaling-stroke",
    }));
  }
  return drawing;
}
