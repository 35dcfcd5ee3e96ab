"""What web servers and proxies meet: visitors, attacks, and backends good and odd."""

import subprocess
from pathlib import Path

from corpus.lab import Lab

ATTACKS = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: nope\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 20000 + b"\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /%zz%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nBad Header : x\r\n y\r\n\r\n",
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
PROBES = (
    *("/", "/index.html", "/missing", "/private/", "/list/", "/up/", "/slow/", "/wp-login.php"),
    *("/.env", "/cgi-bin/test.cgi", "/favicon.ico", "/admin/?q=%27%20OR%201=1", "/loop", "/app"),
)
AGENTS = ("curl/7.88.1", "Mozilla/5.0 (X11; Linux x86_64)", "sqlmap/1.7", "Go-http-client/1.1")
PAGES = (
    *("/", "/index.html", "/about.html", "/docs/", "/docs/guide.html", "/docs/faq.html?lang=en"),
    *("/style.css", "/app.js", "/robots.txt", "/favicon.ico", "/img/logo.png", "/docs"),
)
CALLS = ("/api/orders", "/api/orders/17", "/api/invoice?page=2", "/api/login", "/api/search?q=red")
BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/126.0.0.0 Safari/537.36",
    "Googlebot/2.1 (+http://www.google.com/bot.html)",
    "Prometheus/2.42.0",
)
ALICE = "Basic YWxpY2U6c2VjcmV0"


def storm(lab: Lab, port: int, probes: int = 20) -> None:
    """What a server on the internet sees: pages, probes, refused logins, broken requests."""
    for path in (*PROBES, *(lab.path() for _ in range(probes))):
        headers = {"User-Agent": lab.rng.choice(AGENTS), "Host": lab.rng.choice(("a.test", "b"))}
        lab.http(port, path, lab.rng.choice(("GET", "GET", "HEAD", "DELETE")), headers=headers)
    for secret in ("YWxpY2U6d3Jvbmc=", "Ym9iOng=", "!!", "YWRtaW46"):
        lab.http(port, "/private/", headers={"Authorization": f"Basic {secret}"})
    lab.http(port, "/upload", "POST", b"x" * 20000)
    lab.http(port, "/", "PUT", b"x")
    for attack in ATTACKS:
        lab.talk(port, attack, wait=0.05)


def visitors(lab: Lab, port: int, number: int = 25, host: str = "a.test") -> None:
    """What a healthy site sees: pages that are there, calls that work, a login that is right."""
    base = {"Host": host}
    for page in (*PAGES, *lab.rng.choices(PAGES, k=number)):
        extra = {
            "User-Agent": lab.rng.choice(BROWSERS),
            "Accept-Encoding": lab.rng.choice(("gzip", "identity")),
        }
        if lab.rng.random() < 0.4:
            extra["Referer"] = f"http://{host}{lab.rng.choice(PAGES)}"
        if lab.rng.random() < 0.2:
            extra["Range"] = "bytes=0-9"
        if lab.rng.random() < 0.2:
            extra["If-Modified-Since"] = "Fri, 01 Jan 2038 00:00:00 GMT"
        lab.http(port, page, lab.rng.choice(("GET", "GET", "HEAD")), headers=base | extra)
    for call in (*CALLS, *lab.rng.choices(CALLS, k=number // 3)):
        method = lab.rng.choice(("GET", "GET", "POST", "PUT", "DELETE"))
        body = b"{}" if method in ("POST", "PUT") else None
        lab.http(port, call, method, body, headers=base | {"Content-Type": "application/json"})
    lab.http(port, "/private/", headers=base | {"Authorization": ALICE})
    lab.talk(port, b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" * 3)


def hostile(lab: Lab, port: int, wait: float = 0.05) -> None:
    """Requests that break the protocol."""
    for attack in ATTACKS:
        lab.talk(port, attack, wait=wait)


def guesses(lab: Lab, port: int, path: str = "/private/", number: int = 12) -> None:
    """Somebody trying one password after another."""
    for secret in ("YWxpY2U6d3Jvbmc=", "Ym9iOng=", "!!", "YWRtaW46", "cm9vdDp0b29y") * (
        number // 5
    ):
        headers = {"Authorization": f"Basic {secret}", "Host": "a.test"}
        lab.http(port, path, headers=headers)


def site(lab: Lab) -> Path:
    """A document root with pages, an unreadable page and an unlisted folder."""
    root = lab.folder("www")
    for page in PAGES:
        name = page.partition("?")[0].lstrip("/")
        if name.rpartition("/")[2] and name != "docs":
            lab.write(f"www/{name}", f"<h1>{name}</h1>\n" * 40)
    lab.write("www/docs/index.html", "<h1>Documentation</h1>")
    lab.write("www/private/index.html", "secret")
    lab.write("www/app", "secret", mode=0o000)
    lab.folder("www/list")
    lab.write("users", "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n")
    return root


def backend(lab: Lab, port: int = 8080) -> subprocess.Popen[bytes]:
    """Start an application that answers every request."""
    process = lab.start("/usr/bin/python3", "-c", GOOD_UPSTREAM, str(port), keep=False)
    lab.listening(port)
    return process


def odd_backend(lab: Lab) -> subprocess.Popen[bytes]:
    """Start an application on port 8081 that answers with nonsense, too little or not at all."""
    process = lab.start("/usr/bin/python3", "-c", ODD_UPSTREAM, keep=False)
    lab.listening(8081)
    return process


ODD_UPSTREAM = """
import socket, time
s = socket.create_server(("127.0.0.1", 8081))
answers = [b"", b"nonsense\\n", b"HTTP/1.1 200 OK\\r\\nContent-Length: 900\\r\\n\\r\\nshort",
           b"HTTP/1.1 200 OK\\r\\nX: " + b"y" * 9000 + b"\\r\\n\\r\\n", None]
for n in range(500):
    c, _ = s.accept()
    answer = answers[n % 5]
    if answer is None:
        kept = c
        continue
    c.sendall(answer)
    c.close()
"""

GOOD_UPSTREAM = """
import http.server, sys
class App(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        body = b"<p>hello</p>" * 50
        self.send_response(201 if self.command == "POST" else 200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Cache-Control", "max-age=3")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET
    def log_message(self, *words): pass
port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
http.server.ThreadingHTTPServer(("127.0.0.1", port), App).serve_forever()
"""
