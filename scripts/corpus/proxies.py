"""Proxies and TLS wrappers: refused requests, dead servers, full disks, bad handshakes."""

import re
import signal
from pathlib import Path

from corpus.lab import Lab, Service
from corpus.web import backend, hostile

SQUID = """
http_port 3128
cache_log /var/log/squid/cache.log
access_log stdio:/var/log/squid/access.log %(format)s
cache_dir ufs %(spool)s 10 4 4
visible_hostname proxy
acl local src 127.0.0.0/8 10.0.0.0/8 192.168.0.0/16 172.16.0.0/12
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
    names = {"format": "squid", "debug": "ALL,1", "spool": "/var/spool/squid"}
    with lab.fault("bad-config"):
        for wrong in (
            "acl x src nonsense\n",
            "http_access allow nobody\n",
            "http_prot 1\n",
            "cache_dir ufs\n",
            "cache_mem 5 apples\n",
            "http_port 0\n",
            "cache_effective_user nobody9\n",
        ):
            config = lab.write("broken.conf", SQUID % names + wrong)
            lab.run("squid", "-k", "parse", "-f", config)
        lab.run("squid", "-N", "-f", config, timeout=2)
    app = backend(lab)
    for style, debug in (("squid", "ALL,1"), ("combined", "ALL,2 17,1 33,2 50,2")):
        names |= {"format": style, "debug": debug}
        config = lab.write("s.conf", SQUID % names)
        with lab.healthy():
            lab.run("squid", "-N", "-z", "-f", config)
            server = lab.start("squid", "-N", "-f", config)
            lab.listening(3128)
            _browse(lab, 12)
            for order in ("rotate", "reconfigure", "check"):
                lab.run("squid", "-k", order, "-f", config)
            lab.pause(1)
            _browse(lab, 3)
        with lab.fault("backend-down"):
            lab.stop(app)
            for host in ("127.0.0.1:9", "no.invalid", "127.0.0.1:8080", "127.0.0.1:8081"):
                lab.http(3128, f"http://{host}{lab.path()}")
                lab.talk(3128, b"CONNECT %s:443 HTTP/1.1\r\n\r\n" % host.split(":")[0].encode())
        with lab.fault("access-denied"):
            for host in ("x.bad.test", "a.test:25", "www.bad.test", "127.0.0.1:22"):
                lab.http(3128, f"http://{host}{lab.path()}")
        with lab.fault("protocol-error"):
            lab.http(3128, "/relative")
            hostile(lab, 3128)
        with lab.fault("address-in-use"):
            lab.run("squid", "-f", config, "-N", timeout=2)
        app = backend(lab)
        with lab.healthy():
            _browse(lab, 3)
            if style == "combined":
                lab.run("squid", "-k", "shutdown", "-f", config)
                lab.gone(server)
        lab.stop(server, signal.SIGKILL)
        with lab.fault("corrupt-data"):
            for number in (1, 2):
                swap = Path("/var/spool/squid/swap.state")
                swap.write_bytes(lab.rng.randbytes(999) * number)
                lab.run("squid", "-N", "-f", config, timeout=2)
    _fill_squid(lab, names)


def _fill_squid(lab: Lab, names: dict[str, str]) -> None:
    with lab.fault("disk-full"):
        spool = lab.tiny_disk("spool", "100k")
        config = lab.write("s.conf", SQUID % {**names, "spool": spool, "debug": "ALL,1"})
        lab.run("squid", "-N", "-z", "-f", config)
        server = lab.start("squid", "-N", "-f", config)
        lab.listening(3128)
        lab.fill(spool / "filler")
        _browse(lab, 20)
        lab.pause(1)
        lab.stop(server)


def _browse(lab: Lab, number: int) -> None:
    for _ in range(number):
        method = lab.rng.choice(("GET", "GET", "GET", "HEAD", "POST"))
        body = b"x=1" if method == "POST" else None
        lab.http(3128, f"http://127.0.0.1:8080{lab.path()}", method, body)
    lab.talk(3128, b"GET http://127.0.0.1:8080/again HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 2)


def tinyproxy(lab: Lab) -> None:
    """tinyproxy: filtered hosts, dead upstreams, refused clients."""
    text = (
        "User nobody\nPort 8888\nListen 127.0.0.1\nTimeout 2\nLogLevel Connect\nMaxClients 5\n"
        'LogFile "/var/log/tp/tp.log"\nAllow 127.0.0.0/8\nAllow 10.0.0.0/8\nAllow 192.168.0.0/16\n'
        'ConnectPort 443\nConnectPort 8080\nFilter "/srv/app/filter"\n'
    )
    lab.folder("/var/log/tp", "nobody")
    lab.write("filter", "bad\\.test\n")
    lab.collect("/var/log/tp/tp.log")
    app = backend(lab)
    with lab.fault("bad-config"):
        for wrong in ("Prot 8\n", "Port x\n", 'Filter "/none"\n', "User nobody9\n", "Group x9\n"):
            lab.run("tinyproxy", "-d", "-c", lab.write("broken.conf", text + wrong), timeout=2)
    for level in ("Info", "Connect", "Notice"):
        loud = re.sub("LogLevel .*", f"LogLevel {level}", text)
        everyone = f"{loud}Allow 172.16.0.0/12\n"
        config = lab.write("t.conf", everyone)
        with lab.healthy():
            server = lab.start("tinyproxy", "-d", "-c", config)
            lab.listening(8888)
            for _ in range(12):
                lab.http(8888, f"http://127.0.0.1:8080{lab.path()}")
            lab.http(8888, "http://127.0.0.1:8080/form", "POST", b"x=1")
            lab.talk(8888, b"CONNECT 127.0.0.1:8080 HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n")
            server.send_signal(signal.SIGUSR1)
            lab.pause()
            lab.http(8888, f"http://127.0.0.1:8080{lab.path()}")
        with lab.fault("backend-down"):
            for host in ("127.0.0.1:9", "no.invalid", "db.internal"):
                lab.http(8888, f"http://{host}{lab.path()}")
            lab.talk(8888, b"CONNECT 127.0.0.1:443 HTTP/1.0\r\n\r\n")
        with lab.fault("access-denied"):
            lab.http(8888, "http://bad.test/")
            lab.http(8888, "http://127.0.0.1:8888/")
            lab.talk(8888, b"CONNECT 127.0.0.1:25 HTTP/1.0\r\n\r\n")
            lab.write("t.conf", re.sub("Allow 1[0-9].*\n", "", everyone) + "Allow 10.1.1.1\n")
            server.send_signal(signal.SIGUSR1)
            for _ in range(6):
                lab.http(8888, f"http://127.0.0.1:8080{lab.path()}")
            lab.write("t.conf", everyone)
            server.send_signal(signal.SIGUSR1)
        with lab.fault("protocol-error"):
            hostile(lab, 8888)
        with lab.fault("overload"):
            lab.crowd(8888, 12)
        with lab.fault("address-in-use"):
            lab.run("tinyproxy", "-d", "-c", config, timeout=2)
        with lab.healthy():
            lab.http(8888, f"http://127.0.0.1:8080{lab.path()}")
            lab.stop(server)
    lab.stop(app)


def stunnel(lab: Lab) -> None:
    """stunnel at debug 7: handshakes that fail, a dead target, unusable keys."""
    cert, key = lab.certificate()
    other, other_key = lab.certificate("other")
    base = (
        f"foreground = yes\ndebug = 7\nsyslog = no\n[web]\naccept = 127.0.0.1:443\ncert = {cert}\n"
    )
    good = f"{base}key = {key}\nconnect = 127.0.0.1:8080\n"
    with lab.fault("bad-config"):
        for wrong in (
            f"{base}key = /none\nconnect = 9\n",
            f"{base}key = {other_key}\nconnect = 9\n",
            f"{good}nonsense = 1\n",
            f"{good}sslVersion = SSLv9\n",
            f"{good}CAfile = /none\nverifyChain = yes\n",
            f"{good}ciphers = NONE-AT-ALL\n",
            "accept = x\n",
        ):
            lab.run("stunnel4", lab.write("broken.conf", wrong), timeout=2)
    app = backend(lab)
    get = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for extra in ("", "sslVersion = TLSv1.3\n", "options = NO_SSLv3\nsessionCacheTimeout = 1\n"):
        config = lab.write("s.conf", good + extra)
        with lab.healthy():
            server = lab.start("stunnel4", config)
            lab.listening(443, 3)
            for _ in range(4):
                lab.talk(443, get, tls=True)
            server.send_signal(signal.SIGHUP)
            lab.pause()
            lab.talk(443, get, tls=True)
        with lab.fault("protocol-error"):
            lab.talk(443, b"plain text\r\n\r\n")
            lab.talk(443, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600))
            lab.talk(443, b"\x80\x2e\x01\x00\x02" + bytes(40))
        with lab.fault("backend-down"):
            lab.stop(app)
            lab.talk(443, get, tls=True)
        with lab.fault("address-in-use"):
            lab.run("stunnel4", config, timeout=1)
        with lab.fault("bad-config"):
            lab.write("s.conf", f"{base}key = /none\nconnect = 9\n")
            server.send_signal(signal.SIGHUP)
            lab.pause()
            lab.write("s.conf", good + extra)
            server.send_signal(signal.SIGHUP)
        app = backend(lab)
        with lab.healthy():
            lab.talk(443, get, tls=True)
            lab.stop(server)
    with lab.fault("refused-certificate"):
        server = lab.start("stunnel4", lab.write("s.conf", f"{good}verify = 2\nCAfile = {other}\n"))
        lab.listening(443, 3)
        lab.talk(443, get, tls=True)
        client = ("openssl", "s_client", "-connect", "127.0.0.1:443")
        lab.run(*client, "-cert", cert, "-key", key, timeout=2, keep=False)
        lab.stop(server)


def hitch(lab: Lab) -> None:
    """hitch: handshakes that work and don't, a dead backend, unusable certificates."""
    cert, key = lab.certificate()
    pem = lab.write("both.pem", cert.read_text() + key.read_text())
    other, _ = lab.certificate("other")
    command = ("hitch", "--frontend=[127.0.0.1]:443", "--backend=[127.0.0.1]:8080", "-u", "nobody")
    with lab.fault("bad-config"):
        for wrong in (
            ("/none.pem",),
            (other,),
            ("--config=/none",),
            ("--ciphers=NONE", pem),
            ("--workers=x", pem),
            ("--backend=none", pem),
            ("--tls-protos=x", pem),
            ("-u", "nobody9", pem),
        ):
            lab.run(*command, *wrong, timeout=1.5)
    app = backend(lab)
    get = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    for _ in range(2):
        with lab.healthy():
            server = lab.start(*command, "--log-level=2", pem)
            lab.listening(443)
            for _ in range(6):
                lab.talk(443, get, tls=True)
            server.send_signal(signal.SIGHUP)
            lab.pause()
            lab.talk(443, get, tls=True)
        with lab.fault("protocol-error"):
            for chunk in (
                b"plain\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600),
            ):
                lab.talk(443, chunk)
        with lab.fault("backend-down"):
            lab.stop(app)
            lab.talk(443, get, tls=True)
        with lab.fault("address-in-use"):
            lab.run(*command, pem, timeout=1.5)
        with lab.fault("crash"):
            lab.kill_child(server.pid, signal.SIGKILL)
            lab.pause()
        app = backend(lab)
        with lab.healthy():
            lab.talk(443, get, tls=True)
            lab.stop(server)


SERVICES = (
    Service("squid", ("squid",), squid, 80),
    Service("tinyproxy", ("tinyproxy",), tinyproxy, 60),
    Service("stunnel", ("stunnel4",), stunnel),
    Service("hitch", ("hitch",), hitch),
)
