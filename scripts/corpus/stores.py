"""Caches, directories and key-value stores: broken files, full disks, refused logins."""

from corpus.lab import Lab, Service

REDIS_TALK = (
    b"PING\r\n",
    b"AUTH wrong\r\n",
    b"NONSENSE a b\r\n",
    b"*3\r\n$-7\r\nx\r\n",
    b"*99999999999\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"EVAL 'while true do end' 0\r\n",
    b"DEBUG SLEEP 0\r\n",
    b"REPLICAOF 127.0.0.1 9\r\n",
    b"BGSAVE\r\n",
    b"BGREWRITEAOF\r\n",
    b"CLUSTER MEET 127.0.0.1 9\r\n",
    b"CONFIG SET maxmemory 1mb\r\n",
    b"CONFIG SET dir /none\r\n",
    b"CLIENT KILL TYPE normal\r\n",
)


def redis(lab: Lab) -> None:
    """Redis: bad directives, corrupt dumps and append-only files, replication, crashes."""
    for wrong in (
        "maxmemory lots",
        "nonsense 1",
        "port x",
        "dir /none",
        "loadmodule /none.so",
        "tls-port 1",
        "user x +@none",
        "logfile /none/x.log",
        "save 1",
    ):
        lab.run("redis-server", lab.write("broken.conf", f"port 6399\n{wrong}\n"), timeout=2)
    damage = {"dump.rdb": b"REDIS0011\xfa\x09redis-ver\x05" + lab.rng.randbytes(300)}
    damage |= {"old.rdb": b"REDIS9999" + bytes(20), "cut.rdb": b"RED"}
    for name, data in damage.items():
        lab.write(name, data)
        lab.run("redis-server", "--port", "6399", "--dir", lab.dir, "--dbfilename", name, timeout=2)
        lab.run("redis-check-rdb", lab.dir / name)
    lab.write("appendonlydir/appendonly.aof.manifest", "file x seq z type q\n")
    lab.write("bad.aof", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9\r\nshort")
    lab.run("redis-check-aof", lab.dir / "bad.aof")
    aof = ("--port", "6399", "--appendonly", "yes", "--dir", str(lab.dir), "--dbfilename", "n.rdb")
    lab.run("redis-server", *aof, timeout=2)
    full = lab.tiny_disk("full", "64k")
    for level, save in (("verbose", "1 1"), ("debug", ""), ("notice", "1 1")):
        server = lab.start(
            "redis-server",
            "--port",
            "6379",
            "--loglevel",
            level,
            "--dir",
            full,
            "--save",
            save,
            "--enable-debug-command",
            "yes",
            "--lua-time-limit",
            "200",
            "--protected-mode",
            "no",
        )
        lab.listening(6379)
        replica = lab.start(
            "redis-server",
            "--port",
            "6380",
            "--loglevel",
            level,
            "--dir",
            lab.folder("replica"),
            "--dbfilename",
            "replica.rdb",
            "--replicaof",
            "127.0.0.1",
            "6379",
            "--save",
            "",
        )
        lab.run("redis-server", "--port", "6379", timeout=2)
        lab.pause(1.5)
        lab.talk(6379, *(b"SET k%d %s\r\n" % (n, b"v" * 9000) for n in range(20)), wait=0.02)
        for words in REDIS_TALK:
            lab.talk(6379, words)
        lab.pause(2.5)
        lab.talk(6379, b"SCRIPT KILL\r\n")
        lab.talk(6379, b"DEBUG ASSERT\r\n" if level == "notice" else b"SHUTDOWN SAVE\r\n")
        lab.pause(1)
        if level == "verbose":
            lab.talk(6379, b"DEBUG SEGFAULT\r\n")
        lab.stop(replica)
        lab.stop(server)
    cluster = ("--port", "7000", "--cluster-enabled", "yes", "--dir", str(lab.folder("c")))
    lab.run("redis-server", *cluster, timeout=3)
    lab.write("c/nodes.conf", "broken nodes file\n")
    lab.run("redis-server", *cluster, timeout=3)
    sentinel = lab.write(
        "s.conf",
        "port 26379\nsentinel monitor m 127.0.0.1 6379 1\n"
        "sentinel down-after-milliseconds m 500\nsentinel failover-timeout m 900\n",
    )
    lab.run("redis-server", sentinel, "--sentinel", timeout=4)


def memcached(lab: Lab) -> None:
    """memcached -vvv: protocol errors, evictions, connections refused for want of room."""
    for wrong in (
        ("-p", "99999"),
        ("-m", "x"),
        ("-l", "nohost.invalid"),
        ("-Z",),
        ("-t", "0"),
        ("-o", "nonsense"),
        ("-u", "nobody9"),
        ("-s", "/none/sock"),
        ("-I", "1"),
    ):
        lab.run("memcached", "-u", "nobody", *wrong, timeout=1.5)
    for level in ("-v", "-vvv"):
        server = lab.start(
            "memcached", "-u", "nobody", level, "-p", "11211", "-m", "8", "-c", "40", "-t", "1"
        )
        lab.listening(11211)
        lab.run("memcached", "-u", "nobody", "-p", "11211", timeout=2)
        for words in (
            b"get a",
            b"set a 0 0 9999999",
            b"nonsense",
            b"incr a 1",
            b"stats slabs",
            b"set b 0 0 3\r\nxyz",
            b"incr b x",
            b"slabs reassign 1 2",
            b"gets b",
            b"delete b 9",
            b"get " + b"k" * 300,
            b"verbosity 9",
            b"lru tune x",
            b"\x80\x00\x00\x03" + bytes(20),
            b"mn",
            b"mg b s v",
            b"ms b S9",
            b"watch all",
        ):
            lab.talk(11211, words + b"\r\n", wait=0.05)
        block = b"x" * 9000
        for n in range(150):
            lab.talk(11211, b"set key%d 0 0 9000\r\n%s\r\n" % (n, block), wait=0.01)
        lab.crowd(11211)
        lab.stop(server, 2)


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
directory /var/lib/ldap/lab
maxsize 65536
"""


def slapd(lab: Lab) -> None:
    """OpenLDAP's slapd: refused binds, malformed filters, a full database, bad configuration."""
    lab.folder("/var/lib/ldap/lab")
    text = SLAPD % "stats"
    for wrong in (
        "nonsense 1\n",
        "index x eq\n",
        "moduleload none\n",
        "access to * by\n",
        "TLSCertificateFile /none\n",
        'suffix "dc=x"\n',
        "include /none\n",
    ):
        lab.run(
            "slapd",
            "-d",
            "1",
            "-h",
            "ldap://127.0.0.1:390",
            "-f",
            lab.write("broken.conf", text + wrong),
            timeout=2,
        )
    base = "dc=example,dc=org"
    people = [f"dn: {base}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: x\n"]
    for n in range(40):
        people.append(f"dn: cn=p{n},{base}\nobjectClass: person\ncn: p{n}\nsn: {'x' * 3000}\n")
    people.append(f"dn: cn=odd,{base}\nobjectClass: none\n")
    ldif = lab.write("people.ldif", "\n".join(people))
    for level in ("stats", "trace config args acl filter sync"):
        server = lab.start(
            "slapd",
            "-d",
            level.replace(" ", ","),
            "-h",
            "ldap://127.0.0.1:389",
            "-f",
            lab.write("s.conf", SLAPD % level),
        )
        lab.listening(389)
        who = ("-x", "-H", "ldap://127.0.0.1", "-D", f"cn=admin,{base}", "-w")
        lab.run("ldapadd", *who, "secret", "-c", "-f", ldif, keep=level == "stats")
        for words in (("-b", base, "(cn=p1)"), ("-b", "dc=none", "(a=b)"), ("-b", base, "(((")):
            lab.run("ldapsearch", *who, "secret", *words, keep=False)
            lab.run("ldapsearch", *who, "wrong", *words)
        lab.run("ldapdelete", *who, "secret", f"cn=none,{base}")
        lab.talk(389, b"GET / HTTP/1.0\r\n\r\n")
        lab.run(
            "slapd", "-d", "1", "-h", "ldap://127.0.0.1:389", "-f", lab.dir / "s.conf", timeout=2
        )
        lab.stop(server)


def etcd(lab: Lab) -> None:
    """etcd: a member without its peers, bad flags, a damaged write-ahead log."""
    data = lab.dir / "etcd"
    base = (
        "etcd",
        "--data-dir",
        str(data),
        "--listen-client-urls",
        "http://127.0.0.1:2379",
        "--advertise-client-urls",
        "http://127.0.0.1:2379",
    )
    for wrong in (
        ("--nonsense",),
        ("--listen-peer-urls", "x"),
        ("--name", "a", "--initial-cluster", "b=http://127.0.0.1:2380"),
        ("--cert-file", "/none"),
        ("--data-dir", "/proc/x"),
    ):
        lab.run(*base, *wrong, timeout=2)
    for extra in (
        ("--logger", "zap"),
        ("--logger", "zap", "--log-level", "debug"),
        ("--logger", "zap", "--quota-backend-bytes", "20000"),
    ):
        server = lab.start(*base, *extra)
        lab.listening(2379)
        lab.pause(2)
        lab.run(*base, *extra, timeout=2)
        env = {"ETCDCTL_API": "3"}
        for words in (
            ("put", "a", "b"),
            ("get", "x"),
            ("member", "add", "c"),
            ("auth", "enable"),
            ("put", "k", "v" * 9000),
            ("put", "k2", "v" * 90000),
            ("defrag",),
            ("lease", "grant", "1"),
            ("snapshot", "save", "/none/x"),
            ("alarm", "list"),
            ("endpoint", "health"),
            ("move-leader", "1"),
        ):
            lab.run("etcdctl", *words, env=env, timeout=3)
        lab.talk(2379, b"nonsense\r\n\r\n")
        lab.talk(2380, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        lab.stop(server, 9 if "debug" in extra else 15)
    peers = "default=http://127.0.0.1:2380,b=http://127.0.0.1:19,c=http://127.0.0.1:29"
    lab.run(
        *base,
        "--logger",
        "zap",
        "--data-dir",
        lab.dir / "three",
        "--initial-cluster",
        peers,
        "--initial-advertise-peer-urls",
        "http://127.0.0.1:2380",
        timeout=6,
    )
    for wal in data.glob("member/wal/*.wal"):
        wal.write_bytes(wal.read_bytes()[:300] + b"damage" * 90)
    lab.run(*base, "--logger", "zap", timeout=3)


def influxdb(lab: Lab) -> None:
    """InfluxDB 1.6: line protocol errors, unknown databases, damaged shards."""
    text = (
        '[meta]\ndir = "/srv/app/meta"\n[data]\ndir = "/srv/app/data"\nwal-dir = "/srv/app/wal"\n'
        '[http]\nbind-address = "127.0.0.1:8086"\nlog-enabled = true\n[logging]\nlevel = "debug"\n'
        'format = "%s"\n[coordinator]\nlog-queries-after = "1ns"\n'
    )
    for wrong in ("[nonsense", "[http]\nbind-address = 5\n", '[data]\nengine = "none"\n'):
        lab.run("influxd", "-config", lab.write("broken.conf", wrong), timeout=2)
    for style in ("logfmt", "json"):
        server = lab.start("influxd", "-config", lab.write("i.conf", text % style))
        lab.listening(8086)
        for query in ("create+database+d", "selec", "select+*+from+m", "drop+database+none"):
            lab.http(8086, f"/query?db=d&q={query}", "POST")
        for body in (b"m,a=b v=1", b"m v=x", b"broken", b"m v=1i", b"m v=1"):
            lab.http(8086, "/write?db=d", "POST", body)
            lab.http(8086, "/write?db=none", "POST", body)
        lab.run("influxd", "-config", lab.dir / "i.conf", timeout=2)
        lab.stop(server)
        for file in (*lab.dir.glob("wal/d/**/*.wal"), *lab.dir.glob("data/**/*.tsm")):
            file.write_bytes(b"damage")


SERVICES = (
    Service("redis", ("redis-server",), redis),
    Service("memcached", ("memcached",), memcached),
    Service("slapd", ("slapd", "ldap-utils"), slapd),
    Service("etcd", ("etcd-server", "etcd-client"), etcd, 60),
    Service("influxdb", ("influxdb",), influxdb),
)
