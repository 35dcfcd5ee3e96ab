"""Name servers: broken zones, refused transfers, dead forwarders, odd questions."""

from corpus.lab import Lab, Service


def queries(lab: Lab, port: int) -> None:
    """DNS questions, good, odd and broken."""
    names = (
        "www.example.test",
        "missing.example.test",
        "example.org",
        "bad..name",
        "x" * 63 + ".test",
    )
    for number, name in enumerate((*names, "1.0.0.127.in-addr.arpa", "version.bind")):
        labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p)
        for kind in (1, 28, 252, 255, 16):
            question = bytes([number, kind, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + labels + b"\0\0"
            lab.talk(port, question + bytes([kind, 0, 1]), kind="udp", wait=0.05)
    for junk in (b"", b"\xff" * 12, b"\0" * 40, lab.rng.randbytes(60)):
        lab.talk(port, junk, kind="udp", wait=0.05)
        lab.talk(port, b"\0\x20" + junk, wait=0.05)
    update = b"\0\x07\x28\0\0\1\0\0\0\0\0\0\7example\4test\0\0\6\0\1"
    lab.talk(port, update, kind="udp")


def lookups(lab: Lab, port: int) -> None:
    """Questions that a name server has good answers to."""
    for number, name in enumerate(("www.example.test", "ns.example.test", "example.test")):
        labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split("."))
        for kind in (1, 28, 2, 6, 5):
            head = bytes([number, kind, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            lab.talk(port, head + labels + bytes([0, 0, kind, 0, 1]), kind="udp", wait=0.05)


ZONE = """$TTL 60
@ IN SOA ns.example.test. root.example.test. 1 60 60 60 60
@ IN NS ns
ns IN A 127.0.0.1
www IN CNAME ns
"""


BROKEN_ZONES = (
    "nonsense\n",
    ZONE + "www IN A 1.2.3\n",
    ZONE + "x IN NONE y\n",
    ZONE + "www IN A 1.2.3.4\n",
    "@ IN A 1.2.3.4\n",
    ZONE + "@ IN MX 10 missing\n",
    ZONE + "a.b.org. IN A 1.2.3.4\n",
    ZONE + "$INCLUDE /none\n",
    ZONE.replace("ns IN A", "xx IN A"),
    ZONE + 'u\tIN TXT "open\n',
)


BAD_NAMED = """zone "bad.test" { type master; file "bad.zone"; };
zone "gone.test" { type master; file "gone.zone"; };
zone "slave.test" { type slave; masters { 127.0.0.1 port 9; }; file "slave.zone"; };"""
NAMED = """
options { directory "/srv/app"; listen-on port 53 { 127.0.0.1; }; listen-on-v6 { none; };
 pid-file "/srv/app/named.pid"; session-keyfile "/srv/app/s.key"; forwarders { 127.0.0.1 port 9; };
 allow-transfer { none; }; max-cache-size 2m; recursion yes; %s };
zone "example.test" { type master; file "good.zone"; };
%s
logging { channel q { stderr; severity debug %d; print-time yes; print-category yes;
  print-severity yes; };
 category default { q; }; category queries { q; }; category lame-servers { q; }; };
controls { };
"""


def named(lab: Lab) -> None:
    """BIND: questions answered; broken zones, refused transfers, dead forwarders, bad settings."""
    lab.write("bad.zone", BROKEN_ZONES[1])
    for level, extra in ((1, ""), (3, "querylog yes; dnssec-validation no;")):
        lab.write("good.zone", ZONE)
        argv = ("named", "-f", "-c", str(lab.dir / "n.conf"))
        lab.write("n.conf", NAMED % (extra + " empty-zones-enable no;", "", level))
        with lab.healthy():
            server = lab.start(*argv)
            lab.listening(53)
            lab.pause(1)
            lookups(lab, 53)
            lab.run("named-checkzone", "example.test", lab.dir / "good.zone")
            lab.write("good.zone", ZONE.replace(" 1 60", " 2 60"))
            lab.signal_named("named", 1)
            lab.pause(1.2)
            lookups(lab, 53)
        with lab.fault("protocol-error"):
            queries(lab, 53)
            lab.pause(1)
        with lab.fault("port-in-use"):
            lab.run(*argv[:1], "-g", *argv[2:], timeout=2)
        with lab.fault("bad-zone"):
            lab.write("good.zone", BROKEN_ZONES[level])
            lab.write("n.conf", NAMED % (extra, BAD_NAMED, level))
            lab.signal_named("named", 1)
            lab.pause(1.5)
            queries(lab, 53)
        with lab.healthy():
            lab.stop(server, 15)
    with lab.fault("bad-config"):
        for text in BROKEN_ZONES:
            lab.run("named-checkzone", "example.test", lab.write("b.zone", text))
        for wrong in (
            "nonsense 1;",
            "port x;",
            "listen-on { 300.1.1.1; };",
            "recursion perhaps;",
            "{",
        ):
            lab.run("named-checkconf", "-z", lab.write("b.conf", NAMED % (wrong, BAD_NAMED, 1)))
            lab.run("named", "-g", "-c", lab.dir / "b.conf", timeout=2)


def resolvers(lab: Lab) -> None:
    """unbound, dnsmasq, nsd and knot: the same questions, other words for the trouble."""
    unbound = (
        'server:\n directory: "/srv/app"\n interface: 127.0.0.1\n port: 5301\n chroot: ""\n'
        ' username: ""\n use-syslog: no\n verbosity: %d\n pidfile: "/srv/app/u.pid"\n'
        " log-queries: yes\n log-replies: yes\n log-servfail: yes\n"
        " access-control: 10.0.0.0/8 refuse\n"
        ' local-zone: "example.test" static\n local-data: "www.example.test A 127.0.0.1"\n'
        ' local-data: "example.test NS ns.example.test"\n'
        'forward-zone:\n name: "."\n forward-addr: 127.0.0.1@9\n'
    )
    for level in (1, 4):
        with lab.healthy():
            server = lab.start("unbound", "-d", "-c", lab.write("u.conf", unbound % level))
            lab.listening(5301)
            lookups(lab, 5301)
            lab.signal_named("unbound", 1)
            lab.pause(1)
            lookups(lab, 5301)
        with lab.fault("backend-down"):
            queries(lab, 5301)
            lab.run("unbound", "-d", "-c", lab.dir / "u.conf", timeout=2)
        with lab.healthy():
            lab.stop(server)
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense: 1\n",
            "server: port: x\n",
            "server: interface: 300.1.1.1\n",
            "x\n",
        ):
            lab.run("unbound", "-d", "-c", lab.write("b.conf", unbound % 1 + wrong), timeout=2)
            lab.run("unbound-checkconf", lab.dir / "b.conf")
    _dnsmasq(lab)
    _authorities(lab)


def _dnsmasq(lab: Lab) -> None:
    lab.write("hosts", "127.0.0.1 www.example.test ns.example.test example.test\n")
    masq = ("dnsmasq", "-k", "--log-facility=-", "--port=5302", "--no-resolv", "--user=root")
    full = (*masq, "--log-queries=extra", "--log-debug", "--addn-hosts=/srv/app/hosts")
    with lab.healthy():
        server = lab.start(
            *full, "--server=127.0.0.1#9", "--stop-dns-rebind", "--dns-forward-max=3"
        )
        lab.pause(0.5)
        lookups(lab, 5302)
        for number in (1, 10):
            lab.signal_named("dnsmasq", number)
            lab.pause(0.3)
    with lab.fault("backend-down"):
        lab.write("hosts", "127.0.0.1 www.example.test\nbroken\n300.1.1.1 x\n")
        lab.signal_named("dnsmasq", 1)
        queries(lab, 5302)
        lab.run(*masq, timeout=1.5)
    with lab.healthy():
        lab.stop(server)
    with lab.fault("bad-config"):
        for wrong in (
            *("--nonsense", "--server=x#y", "--conf-file=/none", "--dhcp-range=9"),
            *("--listen-address=8.8.8.8", "--addn-hosts=/none", "--user=nobody9"),
        ):
            lab.run(*masq, wrong, timeout=1.5)


def _authorities(lab: Lab) -> None:
    good = "zone:\n name: example.test\n zonefile: /srv/app/good\n"
    lab.write("good", ZONE)
    zones = "".join(
        f"zone:\n name: z{n}.test\n zonefile: /srv/app/z{n}\n" for n in range(len(BROKEN_ZONES))
    )
    for number, text in enumerate(BROKEN_ZONES):
        lab.write(f"z{number}", text.replace("example", f"z{number}"))
    nsd = (
        'server:\n ip-address: 127.0.0.1@5303\n username: root\n zonesdir: /srv/app\n chroot: ""\n'
        ' verbosity: 5\n database: ""\n pidfile: /srv/app/nsd.pid\n xfrdfile: /srv/app/x\n'
        " zonelistfile: /srv/app/l\nremote-control:\n control-enable: no\n"
    )
    with lab.healthy():
        server = lab.start("nsd", "-d", "-c", lab.write("nsd.conf", nsd + good))
        lab.listening(5303, 3)
        lookups(lab, 5303)
        lab.stop(server)
    with lab.fault("bad-zone"):
        lab.run("nsd", "-d", "-c", lab.write("b.conf", nsd + "nonsense: 1\n"), timeout=2)
        server = lab.start("nsd", "-d", "-c", lab.write("nsd.conf", nsd + zones))
        lab.listening(5303, 3)
        queries(lab, 5303)
        lab.stop(server)
    knot = (
        "server:\n listen: 127.0.0.1@5304\n rundir: /srv/app\nlog:\n - target: stderr\n"
        "   any: debug\n"
        "database:\n storage: /srv/app\nzone:\n"
    )
    with lab.healthy():
        one = f"{knot} - domain: example.test\n   file: /srv/app/good\n"
        server = lab.start("knotd", "-c", lab.write("k.conf", one))
        lab.listening(5304, 3)
        lookups(lab, 5304)
        lab.signal_named("knotd", 1)
        lab.pause(0.5)
        lab.stop(server)
    knot += "".join(
        f" - domain: z{n}.test\n   file: /srv/app/z{n}\n" for n in range(len(BROKEN_ZONES))
    )
    with lab.fault("bad-zone"):
        lab.run("knotd", "-c", lab.write("b.conf", knot + "nonsense: 1\n"), timeout=2)
        server = lab.start("knotd", "-c", lab.write("k.conf", knot))
        lab.listening(5304, 3)
        queries(lab, 5304)
        lab.stop(server)


SERVICES = (
    Service("named", ("bind9", "bind9-utils"), named, 75),
    Service("resolvers", ("unbound", "dnsmasq-base", "nsd", "knot"), resolvers, 90),
)
