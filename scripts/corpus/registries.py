"""Directories and time series: healthy work, refused binds, damaged logs, full databases."""

import signal
from pathlib import Path

from corpus.lab import Lab, Service

SLAPD = """
include /etc/ldap/schema/core.schema
pidfile /run/slapd-lab.pid
loglevel %s
modulepath /usr/lib/ldap
moduleload back_mdb
database mdb
suffix "dc=example,dc=org"
rootdn "cn=admin,dc=example,dc=org"
rootpw secret
directory %s
maxsize 300000
"""


BASE = "dc=example,dc=org"
LDAP = "ldap://127.0.0.1:389"
WHO = ("-x", "-H", LDAP, "-D", f"cn=admin,{BASE}", "-w")


def _people(lab: Lab, first: int, last: int, size: int) -> Path:
    """An LDIF file of persons."""
    people = []
    if first == 0:
        kinds = "objectClass: dcObject\nobjectClass: organization"
        people.append(f"dn: {BASE}\n{kinds}\ndc: example\no: x\n")
    for n in range(first, last):
        people.append(f"dn: cn=p{n},{BASE}\nobjectClass: person\ncn: p{n}\nsn: {'x' * size}\n")
    return lab.write(f"people{first}.ldif", "\n".join(people))


def slapd(lab: Lab) -> None:
    """OpenLDAP's slapd: work; refused binds, malformed filters, a full database, bad settings."""
    text = SLAPD % ("stats", lab.folder("/var/lib/ldap/broken"))
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense 1\n",
            "index x eq\n",
            "moduleload none\n",
            "access to * by\n",
            "TLSCertificateFile /none\n",
            'suffix "dc=x"\n',
            "include /none\n",
            "overlay none\n",
            "rootdn x\n",
        ):
            config = lab.write("broken.conf", text + wrong)
            lab.run("slapd", "-d", "1", "-h", "ldap://127.0.0.1:390", "-f", config, timeout=2)
    for level in ("stats", "trace config args acl filter sync"):
        data = lab.folder(f"/var/lib/ldap/{level[:5]}")
        config = lab.write("s.conf", SLAPD % (level, data))
        command = ("slapd", "-d", level.replace(" ", ","), "-h", LDAP, "-f", config)
        with lab.healthy():
            server = lab.start(*command)
            lab.listening(389)
            lab.run("ldapadd", *WHO, "secret", "-f", _people(lab, 0, 8, 30))
            for words in ("(cn=p1)", "(&(objectClass=person)(cn=p*))", "(!(sn=a))", "(sn~=x)"):
                lab.run("ldapsearch", *WHO, "secret", "-b", BASE, words, keep=False)
            lab.run("ldapsearch", "-x", "-H", LDAP, "-b", "", "-s", "base", keep=False)
            change = f"dn: cn=p1,{BASE}\nchangetype: modify\nreplace: sn\nsn: new\n"
            lab.run("ldapmodify", *WHO, "secret", "-f", lab.write("m.ldif", change))
            lab.run("ldapmodrdn", *WHO, "secret", f"cn=p2,{BASE}", "cn=q2")
            lab.run("ldapcompare", *WHO, "secret", f"cn=p3,{BASE}", "cn:p3")
            lab.run("ldapwhoami", *WHO, "secret")
            lab.run("ldapdelete", *WHO, "secret", f"cn=p4,{BASE}")
        with lab.fault("refused-login"):
            for user in ("admin", "p1", lab.user(), lab.user()):
                login = ("-x", "-H", LDAP, "-D", f"cn={user},{BASE}", "-w", "wrong")
                lab.run("ldapsearch", *login, "-b", BASE, "(cn=p1)")
        with lab.fault("bad-request"):
            for base, words in (("dc=none", "(a=b)"), (BASE, "((("), ("x,y", "(a=b)")):
                lab.run("ldapsearch", *WHO, "secret", "-b", base, words)
            lab.run("ldapdelete", *WHO, "secret", f"cn=none,{BASE}")
            lab.run("ldapadd", "-x", "-H", LDAP, "-c", "-f", _people(lab, 0, 2, 9))
            odd = lab.write("odd.ldif", f"dn: cn=odd,{BASE}\nobjectClass: none\n")
            lab.run("ldapadd", *WHO, "secret", "-f", odd)
        with lab.fault("protocol-error"):
            lab.talk(389, b"GET / HTTP/1.0\r\n\r\n")
            lab.talk(389, b"\x30\x84\xff\xff\xff\xff")
            lab.talk(389, b"\x30\x05\x02\x01\x01\x7f\x00")
        with lab.fault("disk-full"):
            ldif = _people(lab, 100, 200, 3000)
            lab.run("ldapadd", *WHO, "secret", "-c", "-f", ldif, keep=level == "stats")
        with lab.fault("address-in-use"):
            lab.run(*command, timeout=2)
        with lab.healthy():
            lab.run("ldapsearch", *WHO, "secret", "-b", BASE, "(cn=p1)", keep=False)
            lab.stop(server)
    with lab.fault("corrupt-data"):
        (data / "data.mdb").write_bytes(b"damage" * 4000)
        lab.run("slapd", "-d", "stats", "-h", LDAP, "-f", lab.dir / "s.conf", timeout=2)


ETCD_WORK = (
    ("put", "a", "b"),
    ("get", "a"),
    ("get", "--prefix", "a"),
    ("del", "a"),
    ("lease", "grant", "1"),
    ("lease", "list"),
    ("user", "add", "web:secret"),
    ("role", "add", "reader"),
    ("member", "list"),
    ("endpoint", "health"),
    ("endpoint", "status"),
    ("compact", "3"),
    ("defrag",),
    ("snapshot", "save", "/srv/app/snap.db"),
    ("alarm", "list"),
    ("put", "config/web", "on"),
)
ETCD_BAD = (
    ("member", "remove", "1"),
    ("auth", "enable"),
    ("compact", "99999"),
    ("snapshot", "save", "/none/x"),
    ("move-leader", "1"),
    ("lease", "revoke", "7"),
    ("user", "get", "none"),
    ("snapshot", "restore", "/none"),
)


def etcd(lab: Lab) -> None:
    """etcd: work; a member without its peers, bad flags, a damaged write-ahead log."""
    client = "http://127.0.0.1:2379"
    base: tuple[str, ...] = ("etcd", "--logger", "zap")
    base += ("--listen-client-urls", client, "--advertise-client-urls", client)
    env = {"ETCDCTL_API": "3"}
    with lab.fault("bad-config"):
        for wrong in (
            ("--nonsense",),
            ("--listen-peer-urls", "x"),
            ("--name", "a", "--initial-cluster", "b=http://127.0.0.1:2380"),
            ("--cert-file", "/none"),
            ("--data-dir", "/proc/x"),
            ("--log-level", "loud"),
        ):
            lab.run(*base, "--data-dir", lab.dir / "x", *wrong, timeout=2)
    options: tuple[tuple[str, ...], ...]
    options = ((), ("--log-level", "debug"), ("--quota-backend-bytes", "600000"))
    for number, more in enumerate(options):
        data = lab.dir / f"etcd{number}"
        extra = ("--data-dir", str(data), *more)
        with lab.healthy():
            server = lab.start(*base, *extra)
            lab.listening(2379)
            lab.pause(1.5)
            for words in ETCD_WORK:
                lab.run("etcdctl", *words, env=env, timeout=3)
        with lab.fault("bad-request"):
            for words in ETCD_BAD:
                lab.run("etcdctl", *words, env=env, timeout=3)
        with lab.fault("address-in-use"):
            lab.run(*base, *extra, "--data-dir", lab.dir / "other", timeout=2)
        with lab.fault("protocol-error"):
            lab.talk(2379, b"nonsense\r\n\r\n")
            lab.talk(2380, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            lab.talk(2379, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nzzzzzzzzzzzzzzzz")
        if "600000" in extra:
            with lab.fault("disk-full"):
                for n in range(8):
                    lab.run("etcdctl", "put", f"k{n}", "v" * 90000, env=env, timeout=3)
                lab.run("etcdctl", "alarm", "list", env=env, timeout=3)
        with lab.healthy():
            lab.run("etcdctl", "get", "a", env=env, timeout=3)
            if not more:
                lab.stop(server)
        lab.stop(server, signal.SIGKILL)
    with lab.fault("no-quorum"):
        peers = "default=http://127.0.0.1:2380,b=http://127.0.0.1:19,c=http://127.0.0.1:29"
        three: tuple[str, ...] = ("--data-dir", str(lab.dir / "three"), "--initial-cluster", peers)
        three += ("--initial-advertise-peer-urls", "http://127.0.0.1:2380")
        lab.run(*base, *three, timeout=6)
    with lab.fault("corrupt-data"):
        for wal in data.glob("member/wal/*.wal"):
            wal.write_bytes(wal.read_bytes()[:300] + b"damage" * 90)
        lab.run(*base, *extra, timeout=3)
        (data / "member/snap/db").write_bytes(b"damage" * 3000)
        lab.run(*base, *extra, timeout=3)


INFLUX = """
[meta]
dir = "/srv/app/meta"
[data]
dir = "/srv/app/data"
wal-dir = "/srv/app/wal"
[http]
bind-address = "127.0.0.1:8086"
log-enabled = true
auth-enabled = false
[logging]
level = "debug"
format = "%s"
[coordinator]
log-queries-after = "9s"
"""
INFLUX_WORK = (
    "create+database+d",
    "show+databases",
    "create+retention+policy+week+on+d+duration+7d+replication+1",
    "select+*+from+m",
    "select+mean(v)+from+m+group+by+time(1h)",
    "show+measurements",
    "show+series",
    "create+user+web+with+password+'secret'",
    "show+stats",
    "show+diagnostics",
    "create+continuous+query+q+on+d+begin+select+mean(v)+into+n+from+m+group+by+time(1h)+end",
    "drop+continuous+query+q+on+d",
    "drop+measurement+m",
)


def influxdb(lab: Lab) -> None:
    """InfluxDB 1.6: work; line protocol errors, unknown databases, damaged shards."""
    with lab.fault("bad-config"):
        for wrong in (
            "[nonsense",
            "[http]\nbind-address = 5\n",
            INFLUX % "json" + '[data]\nengine = "none"\n',
            '[meta]\ndir = "/proc/none"\n',
            INFLUX.replace("127.0.0.1:8086", "1.2.3.4:99999") % "auto",
        ):
            lab.run("influxd", "-config", lab.write("broken.conf", wrong), timeout=2)
    for style in ("logfmt", "json"):
        config = lab.write("i.conf", INFLUX % style)
        with lab.healthy():
            server = lab.start("influxd", "-config", config)
            lab.listening(8086)
            for query in INFLUX_WORK[:3]:
                lab.http(8086, f"/query?q={query}", "POST")
            for n in range(8):
                point = f"m,host=web{n},rack=r1 v={n}.5,free={n}i".encode()
                lab.http(8086, "/write?db=d", "POST", point)
            for query in INFLUX_WORK:
                lab.http(8086, f"/query?db=d&q={query}", lab.rng.choice(("POST", "GET")))
            for path in ("/ping", "/health", "/metrics", "/debug/vars"):
                lab.http(8086, path)
        with lab.fault("bad-request"):
            for query in ("selec", "drop+database+none", "select+*+from", "kill+query+99"):
                lab.http(8086, f"/query?db=d&q={query}", "POST")
            for body in (b"m v=x", b"broken", b"m v=true", b"m v=1 nonsense", b"m,=b v=1"):
                lab.http(8086, "/write?db=d", "POST", body)
                lab.http(8086, "/write?db=none", "POST", body)
        with lab.fault("address-in-use"):
            lab.run("influxd", "-config", config, timeout=2)
        with lab.healthy():
            lab.http(8086, "/query?db=d&q=show+series")
            lab.http(8086, "/write?db=d", "POST", b"kept v=1")
            lab.stop(server)
        with lab.fault("corrupt-data"):
            for file in (*lab.dir.glob("wal/d/**/*.wal"), *lab.dir.glob("data/**/*.tsm")):
                file.write_bytes(b"damage" * 99)
            for file in lab.dir.glob("data/d/**/fields.idx*"):
                file.write_bytes(b"damage")
            lab.run("influxd", "-config", config, timeout=4)
            for file in (*lab.dir.glob("wal/d/**/*.wal"), *lab.dir.glob("data/**/fields.idx*")):
                file.unlink()


SERVICES = (
    Service("slapd", ("slapd", "ldap-utils"), slapd, 70),
    Service("etcd", ("etcd-server", "etcd-client"), etcd, 110),
    Service("influxdb", ("influxdb",), influxdb),
)
