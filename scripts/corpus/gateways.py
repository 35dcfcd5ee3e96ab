"""Small web servers and gateways: h2o, caddy, privoxy, and a SOCKS server."""

import signal

from corpus.lab import Lab, Service
from corpus.web import backend, guesses, hostile, odd_backend, site, visitors

H2O = """
listen:
  port: 80
  host: 127.0.0.1
user: nobody
num-threads: 2
limit-request-body: 9000
http1-request-timeout: 1
error-log: /var/log/h2o-error.log
access-log: /var/log/h2o-access.log
hosts:
  "a.test":
    paths:
      /:
        file.dir: %s
      /api:
        proxy.reverse.url: "http://127.0.0.1:8080/"
        proxy.timeout.io: 1000
      /slow:
        proxy.reverse.url: "http://127.0.0.1:8081/"
        proxy.timeout.io: 1000
      /up:
        proxy.reverse.url: "http://127.0.0.1:9/"
"""


def h2o(lab: Lab) -> None:
    """h2o: pages and proxied calls; dead and odd backends, broken YAML."""
    text = H2O % site(lab)
    lab.collect("/var/log/h2o-*.log")
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense: 1\n",
            "hosts: 7\n",
            "listen: x\n",
            "user: nobody9\n",
            "  bad: [\n",
            "num-threads: many\n",
            "listen:\n  port: 443\n  ssl:\n    certificate-file: /none\n    key-file: /none\n",
        ):
            lab.run("h2o", "-m", "test", "-c", lab.write("broken.yml", text + wrong), timeout=2)
    odd_backend(lab)
    app = backend(lab)
    config = lab.write("h.yml", text)
    for _ in range(2):
        with lab.healthy():
            lab.run("h2o", "-m", "test", "-c", config)
            server = lab.start("h2o", "-c", config)
            lab.listening(80)
            visitors(lab, 80, 40)
        with lab.fault("protocol-error"):
            hostile(lab, 80)
        with lab.fault("backend-garbage"):
            for number in range(8):
                lab.http(80, f"/slow/{number}", headers={"Host": "a.test"})
        with lab.fault("address-in-use"):
            lab.run("h2o", "-c", config, timeout=2)
        with lab.fault("backend-down"):
            lab.stop(app)
            for path in ("/up/", "/api/orders", "/up/x", "/api/login"):
                lab.http(80, path, headers={"Host": "a.test"})
        app = backend(lab)
        with lab.healthy():
            visitors(lab, 80, 5)
            lab.stop(server)


CADDY = """
{
 admin 127.0.0.1:2019
 auto_https off
 %s
}
:80 {
 log
 root * %s
 basicauth /private/* {
  alice $2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
 }
 reverse_proxy /api/* 127.0.0.1:8080
 reverse_proxy /slow/* 127.0.0.1:8081 {
  transport http {
   response_header_timeout 1s
  }
 }
 reverse_proxy /up/* 127.0.0.1:9
 file_server
}
"""


def caddy(lab: Lab) -> None:
    """Caddy with JSON and console lines: visitors, reloads, dead backends, bad Caddyfiles."""
    root = site(lab)
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense\n",
            ":80 {\n",
            ":80 {\n file_serve\n}\n",
            "a.test {\n tls /x /y\n}\n",
        ):
            config = lab.write("Broken", wrong)
            lab.run("caddy", "run", "--config", config, "--adapter", "caddyfile", timeout=3)
    odd_backend(lab)
    app = backend(lab)
    for extra in ("", "debug", "log {\n format console\n }\n"):
        config = lab.write("Caddyfile", CADDY % (extra, root))
        with lab.healthy():
            server = lab.start("caddy", "run", "--config", config)
            lab.listening(80)
            visitors(lab, 80, 15)
            lab.write("Caddyfile", CADDY % (extra, root) + "# changed\n")
            lab.run("caddy", "reload", "--config", config)
            lab.pause()
            visitors(lab, 80, 3)
        with lab.fault("protocol-error"):
            hostile(lab, 80)
        with lab.fault("refused-login"):
            guesses(lab, 80, "/private/index.html", 5)
        with lab.fault("backend-garbage"):
            for number in range(8):
                lab.http(80, f"/slow/{number}")
        with lab.fault("address-in-use"):
            lab.run("caddy", "run", "--config", config, timeout=3)
        with lab.fault("bad-config"):
            lab.run("caddy", "reload", "--config", lab.dir / "Broken", "--adapter", "caddyfile")
        with lab.fault("backend-down"):
            lab.stop(app)
            for path in ("/up/", "/api/orders", "/up/x", "/api/login"):
                lab.http(80, path)
        app = backend(lab)
        with lab.healthy():
            visitors(lab, 80, 3)
            lab.stop(server)


def privoxy(lab: Lab) -> None:
    """privoxy, all debugging on except its filter rules: pages, dead servers, broken requests."""
    text = (
        "listen-address 127.0.0.1:8118\nlogdir /srv/app\nlogfile priv.log\nconfdir /etc/privoxy\n"
    )
    text += "actionsfile default.action\nfilterfile default.filter\nmax-client-connections 20\n"
    text += "socket-timeout 1\n"
    lab.write("priv.log", "", 0o666)
    lab.collect(lab.dir / "priv.log")
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense 1\n",
            "actionsfile none.action\n",
            "filterfile none.filter\n",
            "listen-address 1.2.3.4:99\n",
            "confdir /none\n",
            "permit-access x.y.z\n",
            "forward / no host\n",
        ):
            lab.run("privoxy", "--no-daemon", lab.write("broken", text + wrong), timeout=1.5)
    app = backend(lab)
    odd_backend(lab)
    for debug in ("debug 1\ndebug 1024\ndebug 4096\ndebug 8192\n", "debug 65471\n"):
        config = lab.write("privoxy.conf", text + debug)
        with lab.healthy():
            server = lab.start("privoxy", "--no-daemon", config)
            lab.listening(8118)
            for _ in range(25):
                lab.http(8118, f"http://127.0.0.1:8080{lab.path()}")
            server.send_signal(signal.SIGHUP)
            lab.http(8118, "http://127.0.0.1:8080/form", "POST", b"x=1")
        with lab.fault("overload"):
            lab.crowd(8118, 40)
        with lab.fault("protocol-error"):
            hostile(lab, 8118)
        with lab.fault("backend-garbage"):
            for number in range(6):
                lab.http(8118, f"http://127.0.0.1:8081/{number}")
        with lab.fault("backend-down"):
            for host in ("127.0.0.1:9", "no.invalid", "10.9.9.9:81"):
                lab.http(8118, f"http://{host}{lab.path()}")
        with lab.fault("address-in-use"):
            lab.run("privoxy", "--no-daemon", config, timeout=1.5)
        lab.pause(2)
        with lab.healthy():
            for _ in range(5):
                lab.http(8118, f"http://127.0.0.1:8080{lab.path()}")
            lab.stop(server)
    lab.stop(app)


DANTE = """
logoutput: stderr /var/log/danted.log
debug: %d
internal: 127.0.0.1 port = 1080
external: lo
socksmethod: none
user.privileged: root
user.unprivileged: nobody
timeout.connect: 1
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect disconnect error iooperation }
socks block { from: 0.0.0.0/0 to: 10.1.0.0/16 log: connect error }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect disconnect error }
"""


def dante(lab: Lab) -> None:
    """The SOCKS server danted: sessions relayed, refused and broken."""
    lab.collect("/var/log/danted.log")
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense: 1\n",
            "internal: 1.2.3.4 port = 5\n",
            "socksmethod: magic\n",
            "external: eth9\n",
            "socks pass { from: x }\n",
            "user.unprivileged: nobody9\n",
        ):
            lab.run("danted", "-f", lab.write("broken.conf", DANTE % 0 + wrong), timeout=2)
    hello = b"\x05\x01\x00"
    for debug in (0, 1):
        app = backend(lab)
        config = lab.write("danted.conf", DANTE % debug)
        with lab.healthy():
            server = lab.start("danted", "-f", config)
            lab.listening(1080)
            for _ in range(8):
                connect = b"\x05\x01\x00\x01\x7f\x00\x00\x01\x1f\x90"
                lab.talk(1080, hello, connect, b"GET / HTTP/1.0\r\n\r\n")
            server.send_signal(signal.SIGHUP)
            lab.pause()
            lab.talk(1080, hello, b"\x05\x01\x00\x01\x7f\x00\x00\x01\x1f\x90")
        with lab.fault("access-denied"):
            lab.talk(1080, hello, b"\x05\x01\x00\x01\x0a\x01\x00\x01\x00\x50")
            lab.talk(1080, b"\x05\x01\x02", b"\x01\x01a\x01b")
        with lab.fault("backend-down"):
            lab.stop(app)
            lab.talk(1080, hello, b"\x05\x01\x00\x01\x7f\x00\x00\x01\x1f\x90")
            lab.talk(1080, hello, b"\x05\x01\x00\x03\x0ano.invalid\x00\x50", wait=1.2)
        with lab.fault("protocol-error"):
            for chunk in (
                b"GET / HTTP/1.0\r\n\r\n",
                b"\x05\x00",
                b"\x04\x09\x00\x50",
                b"\xff" * 20,
            ):
                lab.talk(1080, chunk)
            lab.talk(1080, hello, b"\x05\x09\x00\x01\x7f\x00\x00\x01\x1f\x90")
        with lab.fault("address-in-use"):
            lab.run("danted", "-f", config, timeout=2)
        with lab.fault("crash"):
            lab.kill_child(server.pid, signal.SIGSEGV)
            lab.pause()
        lab.stop(server)


SERVICES = (
    Service("h2o", ("h2o",), h2o, 70),
    Service("caddy", ("caddy",), caddy, 100),
    Service("privoxy", ("privoxy",), privoxy, 60),
    Service("dante", ("dante-server",), dante, 60),
)
