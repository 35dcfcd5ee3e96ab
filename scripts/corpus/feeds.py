"""Small daemons with plain lines: a recursor, a media and a file server, block devices, SIP."""

import signal

from corpus.lab import Lab, Service
from corpus.web import BROWSERS, PAGES, hostile, site


def query(name: bytes, kind: int = 1, flags: bytes = b"\1\0") -> bytes:
    """A DNS question.

    >>> query(b"a.b")[12:]
    b'\\x01a\\x01b\\x00\\x00\\x01\\x00\\x01'
    """
    labels = b"".join(bytes((len(part),)) + part for part in name.split(b"."))
    return b"\1\2" + flags + b"\0\1" + bytes(6) + labels + b"\0\0" + bytes((kind,)) + b"\0\1"


ZONE = """$TTL 60
@ IN SOA ns.lab.test. root.lab.test. 1 60 60 60 60
@ IN NS ns.lab.test.
ns IN A 127.0.0.1
www IN A 10.1.2.3
alias IN CNAME www
@ IN MX 10 www
"""
ROOT = """$TTL 60
@ IN SOA a. root. 1 60 60 60 60
@ IN NS a.
a IN A 127.0.0.1
org IN NS b.
net IN NS b.
b IN A 10.9.9.9
"""


def recursor(lab: Lab) -> None:
    """PowerDNS's recursor: answers from a zone of its own; broken packets and settings."""
    lab.folder("/run/pdns-recursor", "pdns")
    zone = lab.write("lab.zone", ZONE)
    root = lab.write("root.zone", ROOT)
    settings = {
        "local-address": "127.0.0.1",
        "setuid": "pdns",
        "setgid": "pdns",
        "security-poll-suffix": "",
        "hint-file": "no",
        "dont-query": "",
        "auth-zones": f"lab.test={zone},.={root}",
        "disable-syslog": "yes",
    }
    lab.write("recursor.conf", "".join(f"{name}={value}\n" for name, value in settings.items()))
    base = ("pdns_recursor", "--daemon=no", "--config-dir=/srv/app", "--write-pid=no")
    with lab.fault("bad-config"):
        for wrong in (
            "--nonsense=1",
            "--threads=many",
            "--setuid=nobody9",
            "--local-address=1.2.3.4",
            "--lua-config-file=/none",
            "--forward-zones=x",
            "--auth-zones=a=/none",
            "--allow-from=x.y",
        ):
            lab.run(*base, wrong, timeout=2)
    for extra in (("--loglevel=6",), ("--loglevel=9", "--trace=yes", "--quiet=no")):
        control = ("rec_control", "--config-dir=/srv/app", "--socket-dir=/run/pdns-recursor")
        with lab.healthy():
            server = lab.start(*base, *extra)
            lab.listening(53)
            for _ in range(4):
                for name in (b"www.lab.test", b"alias.lab.test", b"lab.test", b"localhost"):
                    for kind in (1, 15, 28):
                        lab.talk(53, query(name, kind), kind="udp", wait=0.05)
            for words in (("ping",), ("reload-zones",), ("wipe-cache", "lab.test"), ("get-all",)):
                lab.run(*control, *words, keep=False)
            lab.run(*control, "dump-cache", f"/run/pdns-recursor/cache{len(extra)}")
            lab.pause(1)
        with lab.fault("protocol-error"):
            for chunk in (b"x", bytes(11), query(b"www.lab.test", flags=b"\x81\x80"), b"\xff" * 60):
                lab.talk(53, chunk, kind="udp")
            lab.talk(53, query(b"www.lab.test")[:20], kind="udp")
            lab.talk(53, b"\0\x05abc")
            lab.talk(53, b"GET / HTTP/1.0\r\n\r\n")
        with lab.fault("backend-down"):
            for name in (b"www.example.org", b"mail.example.net", b"none.lab.invalid"):
                lab.talk(53, query(name), kind="udp", wait=3)
        with lab.fault("bad-command"):
            lab.write("lab.zone", ZONE + "broken IN NONSENSE x\n")
            for words in (("reload-zones",), ("nonsense",), ("reload-lua-script", "/none")):
                lab.run(*control, *words)
            lab.write("lab.zone", ZONE)
        with lab.fault("address-in-use"):
            lab.run(*base, "--socket-dir=/srv/app", timeout=2)
        with lab.healthy():
            lab.run(*control, "reload-zones")
            lab.talk(53, query(b"www.lab.test"), kind="udp")
            lab.run(*control, "quit-nicely")
            lab.gone(server)
        lab.stop(server)


DLNA = "network_interface=lo\nport=8200\nfriendly_name=lab\nserial=1\nmodel_number=1\ninotify=yes\n"


def minidlna(lab: Lab) -> None:
    """minidlnad: folders scanned and browsed; broken pictures, missing folders, bad requests."""
    media = lab.folder("media/photos", "minidlna")
    lab.folder("db", "minidlna")
    for n in range(4):
        lab.write(f"media/photos/song{n}.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40))
    text = DLNA + f"media_dir={media.parent}\ndb_dir=/srv/app/db\nlog_dir=/srv/app/db\n"
    lab.collect(lab.dir / "db/minidlna.log")
    with lab.fault("bad-config"):
        for wrong in ("nonsense=1\n", "media_dir=/none\n", "port=x\n", "user=nobody9\n"):
            config = lab.write("b.conf", text + wrong)
            lab.run("minidlnad", "-d", "-f", config, "-P", "/run/b.pid", timeout=1.5)
        lab.run("minidlnad", "-d", "-f", "/none", timeout=1.5)
    soap = {"SOAPAction": '"urn:schemas-upnp-org:service:ContentDirectory:1#%s"'}
    for level in ("info", "maxdebug"):
        config = lab.write("m.conf", f"{text}log_level=general,http,scanner,inotify={level}\n")
        command = ("minidlnad", "-d", "-f", config, "-P", "/run/m.pid")
        with lab.healthy():
            server = lab.start(*command, "-R")
            lab.listening(8200)
            lab.pause(1)
            for path in ("/", "/rootDesc.xml", "/ContentDir.xml", "/icons/sm.png"):
                lab.http(8200, path)
            for action in ("GetSystemUpdateID", "GetSearchCapabilities", "GetSortCapabilities"):
                headers = {"SOAPAction": soap["SOAPAction"] % action}
                lab.http(8200, "/ctl/ContentDir", "POST", b"<x/>", headers=headers)
            lab.write("media/photos/new.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40))
            (media / "song1.wav").unlink()
            lab.pause(1.5)
        with lab.fault("corrupt-data"):
            for name in ("a.jpg", "b.mp3", "c.avi", "d.png"):
                lab.write(f"media/photos/{name}", lab.rng.randbytes(3000))
            lab.pause(2)
        with lab.fault("protocol-error"):
            hostile(lab, 8200)
            for path in ("/none", "/MediaItems/99999.wav", "/AlbumArt/x", "/Thumbnails/9.jpg"):
                lab.http(8200, path)
            lab.http(8200, "/ctl/ContentDir", "POST", b"x", headers={"SOAPAction": "nonsense"})
        with lab.fault("address-in-use"):
            lab.run(*command[:-1], "/run/other.pid", timeout=2)
        lab.stop(server)
        for name in ("a.jpg", "b.mp3", "c.avi", "d.png", "new.wav"):
            (media / name).unlink(missing_ok=True)
        lab.write("media/photos/song1.wav", b"RIFF\x24\0\0\0WAVEfmt " + bytes(40))


SIP = (
    "{0} sip:lab@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5099;branch=z9hG4bK{1}\r\n"
    "From: <sip:alice@lab>;tag={1}\r\nTo: <sip:lab@127.0.0.1>\r\nCall-ID: {1}\r\n"
    "CSeq: 1 {0}\r\nMax-Forwards: {2}\r\nContact: <sip:alice@127.0.0.1:5099>\r\n"
    "Content-Length: 0\r\n\r\n"
)
KAMAILIO = """
debug=%d
log_stderror=yes
fork=no
children=2
listen=udp:127.0.0.1:5060
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "maxfwd.so"
loadmodule "sanity.so"
request_route {
 if (!mf_process_maxfwd_header("10")) { sl_send_reply("483", "Too Many Hops"); exit; }
 if (!sanity_check("1511", "7")) { xlog("malformed message from $si\\n"); exit; }
 xlog("L_INFO", "$rm from $fu to $ru\\n");
 if (is_method("OPTIONS|REGISTER")) { sl_send_reply("200", "OK"); exit; }
 if (is_method("INVITE")) { $du = "sip:127.0.0.1:9"; t_relay(); exit; }
 sl_send_reply("404", "Not found");
}
%s
"""


def kamailio(lab: Lab) -> None:
    """Kamailio: registrations and pings; broken requests, loops, bad scripts."""
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense=1",
            'loadmodule "none.so"',
            "request_route {",
            "listen=udp:1.2.3.4:5060",
            'modparam("tm", "none", 5)',
            "route[x] { none(); }",
            "children=x",
        ):
            lab.run("kamailio", "-f", lab.write("b.cfg", KAMAILIO % (2, wrong)), timeout=2)
    for debug in (2, 3):
        config = lab.write("k.cfg", KAMAILIO % (debug, ""))
        with lab.healthy():
            lab.run("kamailio", "-c", "-f", config)
            server = lab.start("kamailio", "-f", config, "-E")
            lab.pause(2)
            for n in range(6):
                for method in ("OPTIONS", "REGISTER"):
                    text = SIP.format(method, f"ok{debug}{n}", 70)
                    lab.talk(5060, text.encode(), kind="udp", wait=0.1)
        with lab.fault("protocol-error"):
            for n, text in enumerate(
                (
                    "GET / HTTP/1.0\r\n\r\n",
                    "NONSENSE\r\n\r\n",
                    SIP.format("OPTIONS", "bad1", 70).replace("Call-ID", "Call"),
                    SIP.format("OPTIONS", "bad2", 70).replace("CSeq: 1", "CSeq: x"),
                    SIP.format("OPTIONS", "bad3", 70).replace("SIP/2.0\r\n", "SIP/9.0\r\n", 1),
                    SIP.format("OPTIONS", "bad4", 70).replace("Via: SIP", "Via: "),
                    SIP.format("OPTIONS", "bad5", 70).replace("Length: 0", "Length: 999"),
                )
            ):
                lab.talk(5060, text.encode() + b"x" * n, kind="udp", wait=0.1)
            lab.talk(5060, SIP.format("OPTIONS", "loop", 0).encode(), kind="udp")
        with lab.fault("backend-down"):
            for n in range(4):
                lab.talk(5060, SIP.format("INVITE", f"call{n}", 70).encode(), kind="udp", wait=0.6)
        with lab.fault("address-in-use"):
            lab.run("kamailio", "-f", config, "-E", "-P", "/run/k2.pid", timeout=2)
        with lab.healthy():
            lab.talk(5060, SIP.format("OPTIONS", "last", 70).encode(), kind="udp", wait=0.1)
            lab.stop(server)


def _pages(lab: Lab, number: int) -> None:
    for page in (*PAGES, *lab.rng.choices(PAGES, k=number)):
        headers = {"Host": "a.test", "User-Agent": lab.rng.choice(BROWSERS)}
        lab.http(8000, page, lab.rng.choice(("GET", "GET", "HEAD")), headers=headers)


def webfs(lab: Lab) -> None:
    """webfsd: pages served, broken requests, unusable settings."""
    root = site(lab)
    base = ("webfsd", "-F", "-d", "-p", "8000", "-r", str(root), "-f", "index.html", "-n", "a.test")
    lab.collect("/var/log/webfs.log")
    with lab.fault("bad-config"):
        for wrong in (("-p", "99999999"), ("-r", "/none"), ("-u", "nobody9"), ("-i", "1.2.3.4")):
            lab.run(*base, *wrong, timeout=1.5)
    for number in range(2):
        with lab.healthy():
            server = lab.start(*base, "-l", "/var/log/webfs.log")
            lab.listening(8000)
            _pages(lab, 40)
        with lab.fault("protocol-error"):
            hostile(lab, 8000)
        with lab.fault("address-in-use"):
            lab.run(*base, timeout=1.5)
        with lab.fault("overload"):
            lab.crowd(8000, 60)
        with lab.healthy():
            _pages(lab, 5)
            lab.stop(server, signal.SIGINT if number else signal.SIGTERM)


SERVICES = (
    Service("recursor", ("pdns-recursor",), recursor, 90),
    Service("minidlna", ("minidlna",), minidlna, 60),
    Service("kamailio", ("kamailio",), kamailio, 60),
    Service("webfs", ("webfs",), webfs),
)
