"""Proxies before servers: servers going down and up, time-outs, sick backends, a panic."""

import signal
import subprocess

from corpus.lab import Lab, Service
from corpus.web import backend, hostile, odd_backend, storm, visitors

HAPROXY = """
global
 log /dev/log local0 debug
 log 127.0.0.1:514 local1 debug
 maxconn 40
 stats socket /run/ha.sock mode 600 level admin
defaults
 log global
 mode http
 %(format)s
 option log-health-checks
 timeout connect 500ms
 timeout client 1s
 timeout server 1s
 retries 2
 option redispatch
frontend www
 bind 127.0.0.1:80
 bind 127.0.0.1:443 ssl crt %(pem)s
 maxconn 30
 http-request deny if { path_beg /admin }
 http-request tarpit if { path_beg /.env }
 use_backend dead if { path_beg /up }
 use_backend odd if { path_beg /slow }
 use_backend none if { path_beg /loop }
 default_backend good
frontend raw
 bind 127.0.0.1:81
 mode tcp
 option tcplog
 default_backend rawback
backend good
 balance roundrobin
 option httpchk GET /health
 server g1 127.0.0.1:8080 check inter 300ms fall 2 rise 1
 server g2 127.0.0.1:8090 check inter 300ms
backend dead
 server d1 127.0.0.1:9
 server d2 127.0.0.1:19 backup
backend odd
 server o1 127.0.0.1:8081
backend none
backend rawback
 mode tcp
 server r1 127.0.0.1:8080
 server r2 127.0.0.1:8090
"""


HAPROXY_BROKEN = (
    "frontend a\n bind 127.0.0.1:80\n default_backend nowhere",
    "frontend a\n bnd 127.0.0.1:80",
    "backend b\n server s1 nohost.invalid:80 check\n server s1 127.0.0.1:99999",
    "frontend a\n bind 127.0.0.1:443 ssl crt /none.pem",
    "defaults\n mode http\n timeout client 5q",
    "frontend a\n mode http\n bind 127.0.0.1:80\n acl x path_beg\n http-request deny if x y",
    "listen l\n mode tcp\n option httplog\n bind 127.0.0.1:80",
    "global\n maxconn -4\n log nowhere local0\n user nobody9",
    "peers p\n peer x 127.0.0.1\nnonsense\n",
)


def haproxy(lab: Lab) -> None:
    """haproxy in its log formats: servers going down and up, time-outs, refused requests."""
    lab.syslog()
    cert, key = lab.certificate()
    pem = lab.write("both.pem", cert.read_text() + key.read_text())
    with lab.fault("bad-config"):
        for text in HAPROXY_BROKEN:
            lab.run("haproxy", "-c", "-f", lab.write("broken.cfg", text + "\n"))
    odd_backend(lab)
    custom = 'log-format "%ci:%cp [%tr] %ft %b/%s %ST %B %ts %ac/%fc/%bc/%sc/%rc %{+Q}r"'
    for style in ("option httplog", "option dontlognull\n option httpslog", custom, ""):
        config = lab.write("h.cfg", HAPROXY % {"pem": pem, "format": style})
        app, twin = backend(lab), backend(lab, 8090)
        with lab.healthy():
            lab.run("haproxy", "-c", "-f", config)
            server = lab.start("haproxy", "-W", "-db", "-f", config)
            lab.listening(80)
            lab.pause(1)
            visitors(lab, 80, 12)
            for _ in range(3):
                lab.talk(443, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", tls=True)
                lab.talk(81, b"GET / HTTP/1.0\r\n\r\n")
            server.send_signal(signal.SIGUSR2)
            lab.pause(1.2)
            visitors(lab, 80, 2)
        storm(lab, 80, 2)
        _trouble_haproxy(lab, app, twin)
        app, twin = backend(lab), backend(lab, 8090)
        lab.pause(1.2)
        with lab.healthy():
            visitors(lab, 80, 2)
        with lab.fault("crash"):
            lab.kill_child(server.pid, 11)
            lab.pause(0.5)
        for process in (server, app, twin):
            lab.stop(process)


def _trouble_haproxy(lab: Lab, app: subprocess.Popen[bytes], twin: subprocess.Popen[bytes]) -> None:
    """One fault after the other; at its end both servers of the application are down."""
    with lab.fault("protocol-error"):
        hostile(lab, 80)
    with lab.fault("backend-garbage"):
        for number in range(6):
            lab.http(80, f"/slow/{number}")
    with lab.fault("access-denied"):
        for path in ("/admin", "/.env", "/loop", "/admin/?q=%27"):
            lab.http(80, path, timeout=1)
    with lab.fault("tls-error"):
        lab.talk(443, b"plain\r\n\r\n")
        lab.talk(443, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600))
    with lab.fault("backend-down"):
        for path in ("/up/", "/up/x"):
            lab.http(80, path)
        lab.stop(app)
        lab.pause(1.2)
        visitors(lab, 80, 0)
        lab.stop(twin)
        lab.pause(1.2)
        for path in ("/", "/api/orders", "/docs/"):
            lab.http(80, path)
        lab.talk(81, b"GET / HTTP/1.0\r\n\r\n")
    with lab.fault("overload"):
        lab.crowd(80, 70)


VCL = 'vcl 4.1; backend default { .host = "127.0.0.1"; .port = "%s"; %s }\n'
VARNISH = ("varnishd", "-F", "-a", "127.0.0.1:80", "-T", "127.0.0.1:6082", "-n", "/run/v")
PROBE = '.probe = { .url = "/"; .interval = 1s; .timeout = 200ms; }'


def varnish(lab: Lab) -> None:
    """varnishd and its transaction log; a sick backend, VCL that doesn't compile, a panic."""
    with lab.fault("bad-config"):
        for wrong in (
            "vcl 9;",
            'vcl 4.1; backend a { .host = "no.invalid"; }',
            "vcl 4.1; sub x {",
            "vcl 4.1; import none; backend default none;",
            "backend a {}",
            "vcl 4.1; backend default none; sub vcl_recv { set req.none = 1; }",
        ):
            lab.run("varnishd", "-C", "-f", lab.write("broken.vcl", wrong + "\n"))
        lab.run(*VARNISH, "-f", lab.dir / "broken.vcl", timeout=3)
        lab.run(*VARNISH, "-s", "none,2m", "-b", "none", timeout=2)
    app = backend(lab)
    odd_backend(lab)
    good = lab.write("d.vcl", VCL % (8080, PROBE + " .first_byte_timeout = 1s;"))
    odd = lab.write("o.vcl", VCL % (8081, ".first_byte_timeout = 1s;"))
    secret = lab.write("secret", "x\n")
    control = ("varnishadm", "-n", "/run/v")
    with lab.healthy():
        server = lab.start(*VARNISH, "-S", secret, "-f", good, "-s", "malloc,2m")
        lab.listening(80)
        lab.start("varnishlog", "-u", "-n", "/run/v", "-g", "raw")
        lab.start("varnishncsa", "-n", "/run/v")
        lab.pause(1)
        visitors(lab, 80, 30)
        for words in (
            ("ping",),
            ("status",),
            ("backend.list",),
            ("vcl.load", "again", str(good)),
            ("vcl.use", "again"),
            ("vcl.list",),
            ("ban", "req.url", "~", "/docs"),
            ("param.set", "default_ttl", "3"),
            ("vcl.discard", "boot"),
            ("storage.list",),
        ):
            lab.run(*control, *words)
        visitors(lab, 80, 10)
    storm(lab, 80, 3)
    with lab.fault("protocol-error"):
        hostile(lab, 80)
    with lab.fault("bad-command"):
        for words in (("nonsense",), ("vcl.load", "b", "/none"), ("param.set", "none", "1")):
            lab.run(*control, *words)
        lab.run(*control, "vcl.load", "c", lab.dir / "broken.vcl")
    with lab.fault("backend-down"):
        lab.stop(app)
        lab.pause(1.5)
        for path in ("/none", "/api/orders", "/up/", "/docs/x"):
            lab.http(80, path)
        lab.pause(8)
        for path in ("/none/2", "/api/orders/9"):
            lab.http(80, path)
    with lab.fault("backend-garbage"):
        lab.run(*control, "vcl.load", "odd", odd)
        lab.run(*control, "vcl.use", "odd")
        for number in range(8):
            lab.http(80, f"/slow/{number}")
        lab.run(*control, "vcl.use", "again")
    app = backend(lab)
    lab.pause(4)
    with lab.healthy():
        visitors(lab, 80, 3)
    with lab.fault("crash"):
        lab.run(*control, "debug.panic.worker")
        lab.pause(2)
        lab.run(*control, "panic.show")
        lab.kill_child(server.pid, 9)
        lab.pause(1)
    with lab.healthy():
        visitors(lab, 80, 3)
        lab.stop(server)


SERVICES = (
    Service("haproxy", ("haproxy",), haproxy, 110),
    Service("varnish", ("varnish",), varnish, 70),
)
