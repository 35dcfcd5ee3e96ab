"""The page: what it is served with, and what it does in a real Chromium beside a real daemon."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from tests.daemon.service import Service
from tests.pipeline.parts import iso
from tests.web.browser import PROGRAM, Browser

PAGE = resources.files("tinylogbert_daemon.web") / "page"
NAMES = sorted(file.name for file in PAGE.iterdir())
HOSTILE = [
    "ERROR <script>document.title='hacked'</script> <img src=x onerror=alert(1)> failed",
    "ERROR \x1b[31mred\x1b[0m \x07 and \u202e backwards \u200b nothing failed",
    "ERROR &lt;b&gt; \"quoted\" 'single' ${7*7} {{7*7}} failed",
]
FIRST = "2026-06-12T10:00:00Z INFO the first line"

with_browser = pytest.mark.skipif(PROGRAM is None, reason="needs chromium (Debian's package)")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_from_elsewhere_or_run_from_markup(name: str) -> None:
    content = (PAGE / name).read_text()
    urls = set(re.findall(r"https?://[^\s\"'<>]+", content))
    assert urls <= {"http://www.w3.org/2000/svg"}
    # nothing of a line may be read as markup
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", content)
    if name == "index.html":
        assert not re.search(r"<[^>]*\s(?:on\w+|style)\s*=", content)
        assert not re.search(r"<script(?![^>]*\ssrc=)", content) and "<style" not in content


def test_all_that_the_page_names_is_there() -> None:
    named = set()
    for name in NAMES:
        content = (PAGE / name).read_text()
        named |= set(re.findall(r"/assets/([\w.]+)", content))
        named |= set(re.findall(r'from "\./([\w.]+)"', content))
    assert named == set(NAMES) - {"index.html"}


@pytest.fixture
def service(tmp_path: Path, model_folder: Path) -> Iterator[Service]:
    made = Service(tmp_path, model_folder)
    made.configure(decision={"learning_hours": 0, "threshold": 0.0, "quiet_seconds": 600})
    # dated: without a date it would have the time of now, and what is written then none before
    made.write("app.log", FIRST)
    made.write("other.log", f"{FIRST[:20]} no header that is known", *["nor here"] * 4)
    made.start()
    yield made
    made.kill()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    with Browser(tmp_path / "profile") as made:
        made.size(1280, 900)
        yield made


def url(service: Service) -> str:
    return str(service.events("running")[-1]["http"])


def log_in(browser: Browser, service: Service) -> None:
    token = (service.state / "api.token").read_text().strip()
    browser.open(f"{url(service)}/")
    browser.until("!document.getElementById('login').hidden")
    browser.run(f"document.getElementById('token').value = '{token}'")
    browser.click("#login-form button")
    browser.until("document.getElementById('live').textContent === 'live'")
    # that the token was asked for is said on the console
    browser.errors.clear()


def articles(browser: Browser) -> list[str]:
    found: list[str] = browser.run(
        "[...document.querySelectorAll('article .line')].map((line) => line.textContent)"
    )
    return found


@with_browser
@pytest.mark.timeout(180)
def test_an_operators_day(browser: Browser, service: Service) -> None:
    """A wrong token, the right one; an incident comes, is muted, and is unmuted again."""
    browser.open(f"{url(service)}/")
    browser.until("!document.getElementById('login').hidden")
    browser.run("document.getElementById('token').value = 'wrong'")
    browser.click("#login-form button")
    browser.until("document.getElementById('login-error').textContent.includes('not the token')")
    log_in(browser, service)

    fire = "ERROR disk sda1 is on fire"
    now = time.time()
    service.write("app.log", f"{iso(now - 60)} {fire}", *[f"{iso(now - 30)} {fire}"] * 4)
    browser.until("document.querySelectorAll('article').length === 1")
    assert "on fire" in articles(browser)[0]
    # opened anew it draws at once what came before
    browser.open(f"{url(service)}/")
    browser.until("document.querySelector('article .spark') !== null")
    assert browser.run("document.querySelector('article .spark').ariaLabel") == (
        "records over time: at most 4 in 2 s"
    )
    browser.until("document.querySelector('#sources .spark .anomalies') !== null")
    label = browser.run("document.querySelector('#spark-lines .spark').ariaLabel")
    assert re.match(r"lines a minute for \d+ min: at most \d+; \d+ anomalies in all$", label)
    browser.until("/^\\d/.test(document.getElementById('figure-lines').textContent)")
    assert browser.run(
        "document.querySelector('article .top').textContent.includes('app.log, byte 41')"
    )

    # the page asks for the incident when that was said: the answer comes late and is out of date
    browser.run(
        "{ const real = fetch, id = document.querySelector('article').dataset.id;"
        " fetch = async (path, ...rest) => {"
        "  const answer = await real(path, ...rest);"
        "  if (!path.endsWith(id)) return answer;"
        "  const old = { ...(await answer.json()), muted: null };"
        "  while (!document.querySelector('article .badge').textContent.includes('normal'))"
        "   await new Promise((done) => setTimeout(done, 20));"
        "  setTimeout(() => { window.late = true }, 200);"
        "  return new Response(JSON.stringify(old)) } }"
    )

    # by keys alone: to the incident, "normal", and say so
    browser.press("j")
    browser.press("n")
    browser.until("document.getElementById('say').open")
    browser.run("document.getElementById('say-author').value = 'anna'")
    browser.click("#say-ok")
    browser.until("document.querySelector('#feedback strong')?.textContent === 'normal'")
    assert browser.run("document.getElementById('feedback').textContent.includes('anna')")
    browser.until("window.late")
    assert browser.run("document.querySelector('article .badge').textContent.includes('normal')")

    # what is muted is listed on its own
    browser.run(
        "{ const s = document.getElementById('filter-which'); s.value = 'heard';"
        " s.dispatchEvent(new Event('input', {bubbles: true})) }"
    )
    browser.until("document.querySelectorAll('article').length === 0")
    browser.click("#feedback button")
    browser.until("document.querySelectorAll('#feedback li').length === 0")

    browser.run("document.getElementById('try-text').value = 'ERROR disk sdb2 is on fire'")
    browser.click("#try button")
    browser.until("document.getElementById('try-result').textContent.includes('score')")

    browser.until("document.querySelectorAll('#sources tr').length === 1")
    assert browser.run("document.querySelector('#sources .format').textContent") == (
        "java 1, none 1"
    )
    hosts = {address.split("/")[2] for address in browser.requests if address.startswith("http")}
    assert hosts == {url(service).removeprefix("http://")}, "it asked somebody else"
    assert not browser.errors


@with_browser
@pytest.mark.timeout(180)
def test_hostile_lines_are_shown_and_do_nothing(browser: Browser, service: Service) -> None:
    log_in(browser, service)
    service.write("app.log", *HOSTILE, "ERROR " + "A" * 1_000_000)
    browser.until("document.querySelectorAll('article').length >= 4")
    shown = "\n".join(articles(browser))
    assert HOSTILE[0] in shown and HOSTILE[2] in shown
    assert r"\u{1b}[31mred" in shown and r"\u{202e} backwards \u{200b}" in shown
    assert "\x1b" not in shown and "\u202e" not in shown
    assert browser.run("document.title") == "TinyLogBERT"
    assert (
        browser.run("document.querySelectorAll('article script, article img, article b').length")
        == 0
    )
    assert not browser.errors


@with_browser
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("width", "height", "dark"), [(1280, 900, False), (390, 844, True)])
def test_nothing_is_wider_than_the_screen(
    browser: Browser, service: Service, width: int, height: int, *, dark: bool
) -> None:
    browser.size(width, height, dark=dark)
    log_in(browser, service)
    service.write("app.log", "ERROR " + "A" * 3000 + " failed", "ERROR " + "word " * 300)
    browser.until("document.querySelectorAll('article').length >= 2")
    assert browser.run("document.documentElement.scrollWidth") <= width
    # text and its ground differ enough (WCAG 2.2, 1.4.3), whichever colours the screen has
    assert browser.run(_LEAST_CONTRAST) >= 4.5
    # whatever can be pressed has a name that can be read out
    assert browser.run(_NAMELESS) == []


_LEAST_CONTRAST = """(() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = color; canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (c) => {
    const [r, g, b] = c.slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const found = rgb(getComputedStyle(node).backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const worst = [...document.querySelectorAll("body *")]
    .filter((node) => node.offsetParent && [...node.childNodes]
      .some((child) => child.nodeType === 3 && child.data.trim()))
    .map((node) => {
      const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    });
  return Math.min(...worst);
})()"""

_NAMELESS = """[...document.querySelectorAll("button, input, select, textarea, a")]
  .filter((node) => node.offsetParent)
  .filter((node) => !(node.textContent.trim() || node.labels?.length || node.ariaLabel))
  .map((node) => node.outerHTML)"""
