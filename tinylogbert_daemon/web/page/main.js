// The page: what is asked when, and what keys and buttons do.

import { get, listen, Refused, send, token } from "./api.js";
import { article } from "./incident.js";
import {
  showFeedback, showFigures, showHealth, showModel, showRates, showSources, tryLine,
} from "./panels.js";
import { visible } from "./text.js";

const PAGE = 30;
const MOST = 300; // articles on the page at once
const REFRESH_SECONDS = 5;
const AGAIN_SECONDS = 3;

const $ = (id) => document.getElementById(id);
const shown = new Map(); // incidents on the page, by id
const waiting = new Map(); // new ones that the reader has not asked for yet
const asked = new Set(); // for each answer under way, what the stream has said meanwhile
let following = null;

const filter = () => ({
  source: $("filter-source").value,
  q: $("filter-text").value,
  open: $("filter-which").value === "open" ? true : null,
  muted: { heard: false, muted: true }[$("filter-which").value] ?? null,
});

function fits(incident) {
  const { source, q, open, muted } = filter();
  if (source && incident.source !== source) return false;
  if (open && incident.status !== "open") return false;
  if (muted !== null && muted !== (incident.muted !== null)) return false;
  const text = `${incident.log_text}\n${incident.last_line}\n${incident.text}\n${incident.reason}`;
  return text.toLowerCase().includes(q.toLowerCase());
}

function put(incident, first) {
  const made = article(incident);
  const old = $("list").querySelector(`[data-id="${CSS.escape(incident.id)}"]`);
  if (old) {
    const focused = old.contains(document.activeElement);
    const kind = document.activeElement?.dataset?.kind;
    old.replaceWith(made);
    if (focused) (kind ? made.querySelector(`[data-kind="${kind}"]`) : made).focus();
  } else if (first) {
    made.classList.add("fresh");
    $("list").prepend(made);
  } else {
    $("list").append(made);
  }
  shown.set(incident.id, incident);
  while (first && shown.size > MOST) {
    const last = $("list").lastElementChild;
    shown.delete(last.dataset.id);
    last.remove();
  }
  $("none").hidden = shown.size > 0;
}

function announce() {
  const many = waiting.size;
  $("fresh").hidden = many === 0;
  $("fresh").textContent = many === 1 ? "1 new incident" : `${many} new incidents`;
}

function showWaiting() {
  for (const incident of waiting.values()) put(incident, true);
  waiting.clear();
  announce();
}

// An answer of the API, and the incidents that the stream has told of since it was asked for: the
// answer may be older.
async function ask(path, parameters) {
  const told = new Map();
  asked.add(told);
  try {
    return [await get(path, parameters), told];
  } finally {
    asked.delete(told);
  }
}

function arrived(incident) {
  for (const told of asked) told.set(incident.id, incident);
  if (shown.has(incident.id)) {
    put(incident, false);
  } else if (fits(incident)) {
    waiting.delete(incident.id);
    waiting.set(incident.id, incident);
    // whoever reads further down is not disturbed
    if (window.scrollY < 200 && !$("list").contains(document.activeElement)) showWaiting();
    else announce();
  }
}

async function load(cursor = null) {
  $("list").setAttribute("aria-busy", "true");
  const [page, told] = await ask("/api/incidents", { ...filter(), limit: PAGE, cursor });
  if (cursor === null) {
    $("list").replaceChildren();
    shown.clear();
    waiting.clear();
    announce();
  }
  for (const incident of page.incidents) {
    put(told.get(incident.id) ?? incident, false);
    told.delete(incident.id);
  }
  told.forEach(arrived);
  following = page.next;
  $("more").hidden = following === null;
  $("none").hidden = shown.size > 0;
  $("list").setAttribute("aria-busy", "false");
}

function live(text) {
  $("live").replaceChildren(...visible(text));
}

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (error instanceof Refused) askForToken(token.get() ? "That is not the token." : "");
    else live(error.message);
  }
}

function askForToken(message) {
  token.forget();
  $("login-error").textContent = message;
  if ($("login").hidden) {
    $("login").hidden = false;
    $("token").focus();
  }
}

async function follow() {
  for (;;) {
    try {
      await listen("/api/incidents/stream", {
        open: () => {
          live("live");
          attempt(load);
        },
        incident: arrived,
        lost: () => attempt(load),
      });
      live("the connection ended; asking again …");
    } catch (error) {
      if (error instanceof Refused) {
        askForToken(token.get() ? "That is not the token." : "");
        return;
      }
      live(`no connection (${error.message}); asking again …`);
      await attempt(load);
    }
    await new Promise((done) => setTimeout(done, AGAIN_SECONDS * 1000));
  }
}

async function refresh() {
  if (document.hidden) return;
  if (await showHealth()) {
    await attempt(async () => {
      await showRates();
      await showFigures();
      await showSources();
      $("figure-open").textContent = (await get("/api/status")).incidents_open;
    });
  }
}

const MEANING = {
  normal: "It alerts no more. Its incidents are still listed, as muted.",
  mute: "It does not alert for a while. Its incidents are still listed, as muted.",
  real: "However often it comes, it is judged as if it were new.",
};
const TITLE = { normal: "This is normal", mute: "Mute this", real: "This is a real problem" };

function say(kind, incident) {
  const dialog = $("say");
  $("say-title").textContent = TITLE[kind];
  $("say-text").replaceChildren(...visible(incident.log_text.slice(0, 500)));
  $("say-meaning").textContent = MEANING[kind];
  $("say-time").hidden = kind !== "mute";
  $("say-near").checked = false;
  $("say-note").value = "";
  $("say-author").value = localStorage.getItem("tinylogbert-author") ?? "";
  dialog.returnValue = "";
  dialog.onclose = () => {
    if (dialog.returnValue !== "ok") return;
    localStorage.setItem("tinylogbert-author", $("say-author").value);
    attempt(async () => {
      await send("POST", "/api/feedback", {
        kind,
        incident: incident.id,
        near: $("say-near").checked,
        seconds: kind === "mute" ? Number($("say-seconds").value) : null,
        author: $("say-author").value,
        note: $("say-note").value,
      });
      live(`recorded: ${kind}`);
      const [now, told] = await ask(`/api/incidents/${encodeURIComponent(incident.id)}`);
      put(told.get(incident.id) ?? now, false);
      await showFeedback();
    });
  };
  dialog.showModal();
}

function key(event) {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const articles = [...$("list").children];
  const current = articles.findIndex((one) => one.contains(document.activeElement));
  const kind = { n: "normal", m: "mute", r: "real" }[event.key];
  if (event.key === "j") articles[Math.min(current + 1, articles.length - 1)]?.focus();
  else if (event.key === "k") articles[Math.max(current - 1, 0)]?.focus();
  else if (event.key === "/") $("filter-text").focus();
  else if (kind && current >= 0) say(kind, shown.get(articles[current].dataset.id));
  else return;
  event.preventDefault();
}

function listenToReader() {
  $("login-form").addEventListener("submit", (event) => {
    event.preventDefault();
    token.set($("token").value.trim());
    $("token").value = "";
    $("login").hidden = true;
    begin();
  });
  $("filter").addEventListener("submit", (event) => event.preventDefault());
  let pause = 0;
  $("filter").addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(() => attempt(load), 200);
  });
  $("more").addEventListener("click", () => attempt(() => load(following)));
  $("fresh").addEventListener("click", () => {
    showWaiting();
    $("list").firstElementChild?.focus();
  });
  $("list").addEventListener("click", (event) => {
    const kind = event.target.dataset?.kind;
    if (kind) say(kind, shown.get(event.target.closest("article").dataset.id));
  });
  $("feedback").addEventListener("click", (event) => {
    const number = event.target.dataset?.undo;
    if (!number) return;
    const author = encodeURIComponent(localStorage.getItem("tinylogbert-author") ?? "");
    attempt(async () => {
      await send("DELETE", `/api/feedback/${number}?author=${author}`);
      await showFeedback();
      await load();
    });
  });
  $("try").addEventListener("submit", (event) => {
    event.preventDefault();
    tryLine();
  });
  document.addEventListener("keydown", key);
}

function begin() {
  attempt(async () => {
    await showFeedback();
    follow();
  });
}

listenToReader();
refresh();
attempt(showModel);
setInterval(refresh, REFRESH_SECONDS * 1000);
begin();
