// The daemon's REST API: with the token where there is one, and incidents as they come.

const KEY = "tinylogbert-token";

export class Refused extends Error {}

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

// a link may bring the token along, behind the # that no server sees
const brought = new URLSearchParams(location.hash.slice(1)).get("token");
if (brought) {
  token.set(brought);
  history.replaceState(null, "", location.pathname);
}

const headers = () => (token.get() ? { Authorization: `Bearer ${token.get()}` } : {});

async function checked(answer) {
  if (answer.ok) return answer;
  let message = `${answer.status}`;
  try {
    message = (await answer.json()).error;
  } catch {
    // not one of ours: the status must do
  }
  throw answer.status === 401 ? new Refused(message) : new Error(message);
}

export async function get(path, parameters = {}) {
  const query = new URLSearchParams(
    Object.entries(parameters).filter(([, value]) => value !== "" && value !== null),
  );
  const url = query.size ? `${path}?${query}` : path;
  return (await checked(await fetch(url, { headers: headers() }))).json();
}

export async function send(method, path, body) {
  const options = { method, headers: headers() };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  return (await checked(await fetch(path, options))).json();
}

// Samples of /metrics, summed over their labels.
export async function metrics() {
  const text = await (await checked(await fetch("/metrics"))).text();
  const sums = {};
  for (const line of text.split("\n")) {
    const found = /^(\w+)(?:\{.*\})? (\S+)$/.exec(line);
    if (found) sums[found[1]] = (sums[found[1]] ?? 0) + Number(found[2]);
  }
  return sums;
}

// Call `on.open()` when nothing is missed any more, and `on[event](data)` for each server-sent event,
// until the connection ends. An EventSource could not send the token.
export async function listen(path, on) {
  const answer = await checked(await fetch(path, { headers: headers() }));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let opened = false; ; opened = true) {
    const { done, value } = await reader.read();
    if (done) return;
    if (!opened) on.open?.(); // the headers may come before the server listens to itself
    const messages = (rest + value).split("\n\n");
    rest = messages.pop();
    for (const message of messages) {
      const fields = Object.fromEntries(
        message.split("\n").map((line) => [line.split(":", 1)[0], line.replace(/^[^:]*: ?/, "")]),
      );
      if (fields.event && fields.data) on[fields.event]?.(JSON.parse(fields.data));
    }
  }
}
