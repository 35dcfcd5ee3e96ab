"""Proxies: servers going down and up, time-outs, refused requests, bad handshakes."""

import re
from pathlib import Path

from corpus.lab import Lab, Service
from corpus.web import ATTACKS, ODD_UPSTREAM, storm

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
 server d1 127.0.0.1:9 check inter 400ms
 server d2 127.0.0.1:19 check inter 300ms backup
backend odd
 server o1 127.0.0.1:8081
backend none
backend rawback
 mode tcp
 server r1 127.0.0.1:8080
 server r2 127.0.0.1:9
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
    for text in HAPROXY_BROKEN:
        lab.run("haproxy", "-c", "-f", lab.write("broken.cfg", text + "\n"))
    lab.start("/usr/bin/python3", "-c", ODD_UPSTREAM, keep=False)
    custom = 'log-format "%ci:%cp [%tr] %ft %b/%s %ST %B %ts %ac/%fc/%bc/%sc/%rc %{+Q}r"'
    for style in ("option httplog", "option dontlognull\n option httpslog", custom, ""):
        config = lab.write("h.cfg", HAPROXY % {"pem": pem, "format": style})
        web = ("/usr/bin/python3", "-m", "http.server", "8080", "--bind", "127.0.0.1")
        backend = lab.start(*web, keep=False)
        server = lab.start("haproxy", "-db", "-W", "-f", config)
        lab.listening(80)
        lab.run("haproxy", "-db", "-f", config, timeout=2)
        storm(lab, 80, 3)
        lab.talk(443, b"plain\r\n\r\n")
        lab.talk(443, b"GET / HTTP/1.1\r\n\r\n", tls=True)
        lab.talk(81, b"GET / HTTP/1.0\r\n\r\n")
        lab.stop(backend)
        lab.pause(1.2)
        lab.http(80, "/")
        backend = lab.start(*web, keep=False)
        lab.pause(0.8)
        lab.kill_child(server.pid, 11)
        lab.stop(server)
        lab.stop(backend)


SQUID = """
http_port 3128
cache_log /var/log/squid/cache.log
access_log stdio:/var/log/squid/access.log %(format)s
cache_dir ufs /var/spool/squid 10 4 4
acl local src 127.0.0.0/8 10.0.0.0/8
acl safe port 80 443 8080
acl bad dstdomain .bad.test
http_access deny bad
http_access deny !safe
http_access allow local
http_access deny all
dns_nameservers 127.0.0.1
dns_timeout 1 seconds
connect_timeout 1 seconds
shutdown_lifetime 1 seconds
pid_filename /run/squid-lab.pid
debug_options %(debug)s
"""


def squid(lab: Lab) -> None:
    """squid: requests allowed, denied and failed, broken store files, a full cache disk."""
    lab.collect("/var/log/squid/*.log")
    for wrong in (
        "acl x src nonsense\n",
        "http_access allow nobody\n",
        "http_prot 1\n",
        "cache_dir ufs\n",
        "cache_mem 5 apples\n",
        "http_port 0\n",
    ):
        text = SQUID % {"format": "squid", "debug": "ALL,1"} + wrong
        lab.run("squid", "-k", "parse", "-f", lab.write("broken.conf", text))
    lab.start("/usr/bin/python3", "-m", "http.server", "8080", keep=False)
    for style, debug in (("squid", "ALL,1"), ("combined", "ALL,2 17,3")):
        config = lab.write("s.conf", SQUID % {"format": style, "debug": debug})
        lab.run("squid", "-N", "-z", "-f", config)
        server = lab.start("squid", "-N", "-f", config)
        lab.listening(3128)
        for host in ("127.0.0.1:8080", "127.0.0.1:9", "no.invalid", "x.bad.test", "a.test:25"):
            for _ in range(2):
                lab.http(3128, f"http://{host}{lab.path()}")
        lab.http(3128, "/relative")
        for attack in ATTACKS:
            lab.talk(3128, attack, wait=0.05)
        lab.run("squid", "-f", config, "-N", timeout=2)
        lab.run("squid", "-k", "rotate", "-f", config)
        lab.run("squid", "-k", "reconfigure", "-f", config)
        lab.pause(1)
        lab.stop(server, 9 if style == "squid" else 15)
        for number in (0, 1):
            swap = Path("/var/spool/squid/swap.state")
            swap.write_bytes(lab.rng.randbytes(999) * (number + 1))


VCL = 'vcl 4.1; backend default { .host = "127.0.0.1"; .port = "%s"; %s }\n'


def varnish(lab: Lab) -> None:
    """varnishd and its transaction log; a sick backend, VCL that doesn't compile, a panic."""
    probe = '.probe = { .url = "/"; .interval = 1s; .timeout = 200ms; }'
    for wrong in (
        "vcl 9;",
        'vcl 4.1; backend a { .host = "no.invalid"; }',
        "vcl 4.1; sub x {",
        "vcl 4.1; import none; backend default none;",
        "backend a {}",
    ):
        lab.run("varnishd", "-C", "-f", lab.write("broken.vcl", wrong + "\n"))
    lab.start("/usr/bin/python3", "-c", ODD_UPSTREAM, keep=False)
    config = lab.write("d.vcl", VCL % (8081, probe + " .first_byte_timeout = 1s;"))
    server = lab.start(
        "varnishd",
        "-F",
        "-a",
        "127.0.0.1:80",
        "-T",
        "127.0.0.1:6082",
        "-S",
        lab.write("secret", "x\n"),
        "-f",
        config,
        "-n",
        "/run/v",
        "-s",
        "malloc,2m",
    )
    lab.listening(80)
    lab.start("varnishlog", "-n", "/run/v", "-g", "raw")
    lab.start("varnishncsa", "-n", "/run/v")
    lab.pause(1)
    storm(lab, 80, 3)
    control = ("varnishadm", "-n", "/run/v")
    for words in (
        ("panic.show",),
        ("nonsense",),
        ("vcl.load", "b", "/none"),
        ("backend.list",),
        ("debug.panic.worker",),
        ("status",),
    ):
        lab.run(*control, *words)
    lab.pause(2)
    lab.kill_child(server.pid, 9)
    lab.pause(1)


def tinyproxy(lab: Lab) -> None:
    """tinyproxy: filtered hosts, dead upstreams, refused clients."""
    text = (
        "Port 8888\nListen 127.0.0.1\nTimeout 2\nLogLevel Connect\nMaxClients 5\n"
        'LogFile "/var/log/tp.log"\nAllow 127.0.0.1\nAllow 10.0.0.0/8\n'
        'ConnectPort 443\nFilter "/srv/app/filter"\n'
    )
    lab.write("filter", "bad\\.test\n")
    lab.collect("/var/log/tp.log")
    for wrong in ("Prot 8\n", "Port x\n", 'Filter "/none"\n', "User nobody9\n"):
        lab.run("tinyproxy", "-d", "-c", lab.write("broken.conf", text + wrong), timeout=2)
    for level in ("Info", "Connect"):
        loud = re.sub("LogLevel .*", f"LogLevel {level}", text)
        server = lab.start("tinyproxy", "-d", "-c", lab.write("t.conf", loud))
        lab.listening(8888)
        for host in ("127.0.0.1:9", "no.invalid", "bad.test", "127.0.0.1:8888"):
            lab.http(8888, f"http://{host}{lab.path()}")
        for attack in ATTACKS:
            lab.talk(8888, attack, wait=0.05)
        lab.crowd(8888, 12)
        lab.stop(server)


def stunnel(lab: Lab) -> None:
    """stunnel at debug 7: handshakes that fail, a dead target, unusable keys."""
    cert, key = lab.certificate()
    other, _ = lab.certificate("other")
    base = (
        f"foreground = yes\ndebug = 7\nsyslog = no\n[web]\naccept = 127.0.0.1:443\ncert = {cert}\n"
    )
    good = f"{base}key = {key}\nconnect = 127.0.0.1:9\n"
    for wrong in (
        f"{base}key = /none\nconnect = 9\n",
        f"{base}key = {other}\nconnect = 9\n",
        f"{good}nonsense = 1\n",
        f"{good}sslVersion = SSLv9\n",
        "accept = x\n",
    ):
        lab.run("stunnel4", lab.write("broken.conf", wrong), timeout=2)
    for extra in ("", f"verify = 2\nCAfile = {other}\n", "sslVersion = TLSv1.3\n"):
        server = lab.start("stunnel4", lab.write("s.conf", good + extra))
        lab.listening(443, 3)
        lab.talk(443, b"hello", tls=True)
        lab.talk(443, b"plain text\r\n\r\n")
        lab.run("openssl", "s_client", "-connect", "127.0.0.1:443", "-tls1_2", timeout=2)
        lab.run("stunnel4", lab.dir / "s.conf", timeout=1)
        lab.stop(server)


SERVICES = (
    Service("haproxy", ("haproxy",), haproxy),
    Service("squid", ("squid",), squid),
    Service("varnish", ("varnish",), varnish),
    Service("tinyproxy", ("tinyproxy",), tinyproxy),
    Service("stunnel", ("stunnel4",), stunnel),
)
