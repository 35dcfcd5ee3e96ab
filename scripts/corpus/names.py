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


NAMED = """
options { directory "/srv/app"; listen-on port 53 { 127.0.0.1; }; listen-on-v6 { none; };
 pid-file "/srv/app/named.pid"; session-keyfile "/srv/app/s.key"; forwarders { 127.0.0.1 port 9; };
 allow-transfer { none; }; max-cache-size 2m; recursion yes; %s };
zone "example.test" { type master; file "good.zone"; };
zone "bad.test" { type master; file "bad.zone"; };
zone "gone.test" { type master; file "gone.zone"; };
zone "slave.test" { type slave; masters { 127.0.0.1 port 9; }; file "slave.zone"; };
logging { channel q { stderr; severity debug %d; print-time yes; print-category yes;
  print-severity yes; };
 category default { q; }; category queries { q; }; category lame-servers { q; }; };
controls { };
"""


def named(lab: Lab) -> None:
    """BIND: broken zones, refused transfers and updates, dead forwarders, bad configuration."""
    lab.write("good.zone", ZONE)
    lab.write("bad.zone", BROKEN_ZONES[1])
    for text in BROKEN_ZONES:
        lab.run("named-checkzone", "example.test", lab.write("b.zone", text))
    for wrong in ("nonsense 1;", "port x;", "listen-on { 300.1.1.1; };", "recursion perhaps;", "{"):
        lab.run("named-checkconf", "-z", lab.write("b.conf", NAMED % (wrong, 1)))
        lab.run("named", "-g", "-c", lab.dir / "b.conf", timeout=2)
    for level, extra in ((1, ""), (3, "querylog yes; dnssec-validation auto;")):
        server = lab.start("named", "-f", "-c", lab.write("n.conf", NAMED % (extra, level)))
        lab.listening(53)
        queries(lab, 53)
        lab.run("named", "-g", "-c", lab.dir / "n.conf", timeout=2)
        lab.write("good.zone", BROKEN_ZONES[level])
        lab.signal_named("named", 1)
        lab.pause(1.5)
        lab.stop(server, 15)
        lab.write("good.zone", ZONE)


def resolvers(lab: Lab) -> None:
    """unbound, dnsmasq, nsd and knot: the same questions, other words for the trouble."""
    unbound = (
        'server:\n directory: "/srv/app"\n interface: 127.0.0.1\n port: 5301\n chroot: ""\n'
        ' username: ""\n use-syslog: no\n verbosity: %d\n pidfile: "/srv/app/u.pid"\n'
        " log-queries: yes\n log-replies: yes\n log-servfail: yes\n"
        " access-control: 10.0.0.0/8 refuse\n"
        'forward-zone:\n name: "."\n forward-addr: 127.0.0.1@9\n'
    )
    for wrong in ("nonsense: 1\n", "server: port: x\n", "server: interface: 300.1.1.1\n", "x\n"):
        lab.run("unbound", "-d", "-c", lab.write("b.conf", unbound % 1 + wrong), timeout=2)
        lab.run("unbound-checkconf", lab.dir / "b.conf")
    for level in (1, 4):
        server = lab.start("unbound", "-d", "-c", lab.write("u.conf", unbound % level))
        lab.listening(5301)
        queries(lab, 5301)
        lab.run("unbound", "-d", "-c", lab.dir / "u.conf", timeout=2)
        lab.stop(server)
    lab.write("hosts", "127.0.0.1 www.example.test\nbroken\n300.1.1.1 x\n")
    masq = ("dnsmasq", "-k", "--log-facility=-", "--port=5302", "--no-resolv", "--user=root")
    for wrong in (
        "--nonsense",
        "--server=x#y",
        "--conf-file=/none",
        "--dhcp-range=9",
        "--listen-address=8.8.8.8",
        "--addn-hosts=/none",
        "--user=nobody9",
    ):
        lab.run(*masq, wrong, timeout=1.5)
    server = lab.start(
        *masq,
        "--log-queries=extra",
        "--log-debug",
        "--server=127.0.0.1#9",
        "--addn-hosts=/srv/app/hosts",
        "--stop-dns-rebind",
        "--dns-forward-max=3",
    )
    lab.pause(0.5)
    queries(lab, 5302)
    lab.signal_named("dnsmasq", 10)
    lab.run(*masq, timeout=1.5)
    lab.stop(server)
    _authorities(lab)


def _authorities(lab: Lab) -> None:
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
    knot += "".join(
        f" - domain: z{n}.test\n   file: /srv/app/z{n}\n" for n in range(len(BROKEN_ZONES))
    )
    lab.run("knotd", "-c", lab.write("b.conf", knot + "nonsense: 1\n"), timeout=2)
    server = lab.start("knotd", "-c", lab.write("k.conf", knot))
    lab.listening(5304, 3)
    queries(lab, 5304)
    lab.stop(server)


SERVICES = (
    Service("named", ("bind9", "bind9-utils"), named),
    Service("resolvers", ("unbound", "dnsmasq-base", "nsd", "knot"), resolvers),
)
