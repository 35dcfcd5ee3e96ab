"""Caches: healthy work, broken files, full disks, protocol errors, crashes."""

import signal
import subprocess
from pathlib import Path

from corpus.lab import Lab, Service

REDIS_WORK = (
    *(b"PING\r\n", b"SET a 1\r\n", b"GET a\r\n", b"INCR n\r\n", b"LPUSH l 1 2 3\r\n"),
    *(b"HSET h f v\r\n", b"EXPIRE a 1\r\n", b"CONFIG SET maxmemory 64mb\r\n", b"INFO\r\n"),
    *(b"BGSAVE\r\n", b"BGREWRITEAOF\r\n", b"SAVE\r\n", b"CLIENT LIST\r\n", b"MEMORY DOCTOR\r\n"),
    *(b"EVAL 'redis.log(redis.LOG_NOTICE, \"job 7 done\")' 0\r\n", b"FLUSHALL ASYNC\r\n"),
    *(b"CONFIG SET save '1 1'\r\n", b"CONFIG REWRITE\r\n", b"DEBUG RELOAD\r\n"),
    *(b"ACL SETUSER web on >secret ~* +@all\r\n", b"AUTH web secret\r\n", b"SCRIPT FLUSH\r\n"),
    *(b"FUNCTION STATS\r\n", b"LATENCY LATEST\r\n", b"CONFIG SET hz 20\r\n", b"QUIT\r\n"),
)
REDIS_ODD = (
    b"NONSENSE a b\r\n",
    b"*3\r\n$-7\r\nx\r\n",
    b"*99999999999\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
    b"x" * 70000,
    b"*1\r\n$999999999\r\n",
)
REDIS_WRONG = (
    "maxmemory lots",
    "nonsense 1",
    "port x",
    "dir /none",
    "loadmodule /none.so",
    "tls-port 1",
    "user x +@none",
    "logfile /none/x.log",
    "save 1",
    "include /none.conf",
    "appendfsync never",
    "bind 1.2.3.4",
)


def redis(lab: Lab) -> None:
    """Redis: work and replication; bad directives, corrupt dumps, full disks, crashes."""
    with lab.fault("bad-config"):
        for wrong in REDIS_WRONG:
            config = lab.write("broken.conf", f"port 6399\n{wrong}\n")
            lab.run("redis-server", config, timeout=2)
    _damage_redis(lab)
    full = lab.tiny_disk("full", "300k")
    for level in ("verbose", "debug", "notice"):
        options = f"loglevel {level}\nenable-debug-command yes\nlua-time-limit 200\n"
        options += f"protected-mode no\nlatency-tracking yes\ndir {full}\nsave 1 1\n"
        options += f"appendonly {'yes' if level == 'debug' else 'no'}\n"
        config = lab.write("r.conf", options)
        primary = ("redis-server", config, "--port", "6379")
        follow: tuple[str, ...] = (
            "redis-server",
            "--port",
            "6380",
            "--loglevel",
            level,
            "--save",
            "",
        )
        follow += ("--replicaof", "127.0.0.1", "6379", "--dir", str(lab.folder("replica")))
        with lab.healthy():
            server = lab.start(*primary)
            lab.listening(6379)
            replica = lab.start(*follow)
            lab.pause(1.5)
            for words in REDIS_WORK:
                lab.talk(6379, words, wait=0.1)
            lab.pause(1.5)
            for n in range(10):
                lab.talk(6379, b"SET key%d %s\r\n" % (n, b"v" * 900), wait=0.02)
            lab.pause(5 if level == "debug" else 1.5)
        _trouble_redis(lab, full, replica)
        with lab.healthy():
            lab.talk(6379, b"FLUSHALL\r\n")
            lab.pause(2)
            for words in REDIS_WORK[:9]:
                lab.talk(6379, words, wait=0.05)
            if level == "debug":
                lab.talk(6379, b"SHUTDOWN SAVE\r\n")
                lab.gone(server)
        with lab.fault("crash"):
            lab.talk(6379, b"DEBUG ASSERT\r\n" if level == "notice" else b"DEBUG SEGFAULT\r\n")
            lab.pause(1)
        lab.stop(server)
    _many_redis(lab)


def _trouble_redis(lab: Lab, full: Path, replica: subprocess.Popen[bytes]) -> None:
    """One fault after the other."""
    with lab.fault("protocol-error"):
        for words in REDIS_ODD:
            lab.talk(6379, words)
    with lab.fault("bad-command"):
        for words in (b"CONFIG SET dir /none", b"CLUSTER MEET 127.0.0.1 9", b"AUTH x y"):
            lab.talk(6379, words + b"\r\n")
    with lab.fault("slow-script"):
        lab.talk(6379, b"EVAL 'while true do end' 0\r\n", wait=0.8)
        lab.talk(6379, b"SCRIPT KILL\r\n")
    with lab.fault("replication-broken"):
        lab.stop(replica, signal.SIGKILL)
        lab.talk(6379, b"REPLICAOF 127.0.0.1 9\r\n")
        lab.pause(2)
        lab.talk(6379, b"REPLICAOF NO ONE\r\n")
    with lab.fault("disk-full"):
        filler = lab.fill(full / "filler")
        lab.talk(6379, *(b"SET k%d %s\r\n" % (n, b"v" * 9000) for n in range(9)), wait=0.02)
        lab.talk(6379, b"BGSAVE\r\n")
        lab.talk(6379, b"CONFIG REWRITE\r\n")
        lab.pause(2)
        filler.unlink()
    with lab.fault("address-in-use"):
        lab.run("redis-server", "--port", "6379", timeout=2)


def _damage_redis(lab: Lab) -> None:
    with lab.fault("corrupt-data"):
        damage = {"dump.rdb": b"REDIS0011\xfa\x09redis-ver\x05" + lab.rng.randbytes(300)}
        damage |= {"old.rdb": b"REDIS9999" + bytes(20), "cut.rdb": b"RED"}
        base = ("redis-server", "--port", "6399", "--dir", lab.dir)
        for name, data in damage.items():
            lab.write(name, data)
            lab.run(*base, "--dbfilename", name, timeout=2)
            lab.run("redis-check-rdb", lab.dir / name)
        lab.write("appendonlydir/appendonly.aof.manifest", "file x seq z type q\n")
        lab.write("bad.aof", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$9\r\nshort")
        lab.run("redis-check-aof", lab.dir / "bad.aof")
        lab.run(*base, "--appendonly", "yes", "--dbfilename", "n.rdb", timeout=2)


def _many_redis(lab: Lab) -> None:
    """A cluster node and a sentinel, with and without those that they need."""
    cluster: tuple[str, ...] = ("redis-server", "--port", "7000", "--cluster-enabled", "yes")
    cluster += ("--dir", str(lab.folder("c")))
    with lab.healthy():
        node = lab.start(*cluster)
        lab.listening(7000)
        lab.talk(7000, b"CLUSTER ADDSLOTSRANGE 0 16383\r\n")
        lab.pause(2)
        lab.stop(node)
    sentinel = lab.write(
        "s.conf",
        "port 26379\nsentinel monitor m 127.0.0.1 6390 1\n"
        "sentinel down-after-milliseconds m 1500\nsentinel failover-timeout m 900\n",
    )
    server = lab.start("redis-server", "--port", "6390", "--dbfilename", "s.rdb")
    lab.listening(6390)
    watcher = lab.start("redis-server", sentinel, "--sentinel")
    lab.pause(2)
    with lab.fault("backend-down"):
        lab.stop(server)
        lab.pause(5)
    lab.stop(watcher)
    with lab.fault("corrupt-data"):
        lab.write("c/nodes.conf", "broken nodes file\n")
        lab.run(*cluster, timeout=3)


OPTIONS = ("-m", "8", "-c", "40", "-t", "1")
MEMCACHED_WORK = (
    b"set a 0 0 3\r\nxyz",
    b"get a",
    b"gets a",
    b"add n 0 0 1\r\n1",
    b"incr n 1",
    b"decr n 1",
    b"append a 0 0 1\r\nq",
    b"replace a 0 0 1\r\nq",
    b"touch a 9",
    b"gat 9 a",
    b"mn",
    b"mg a s v t",
    b"ms b 3\r\nabc",
    b"md b",
    b"stats",
    b"stats slabs",
    b"stats items",
    b"stats settings",
    b"version",
    b"delete a",
    b"verbosity 2",
    b"flush_all",
    b"lru_crawler crawl all",
    b"lru_crawler metadump all",
    b"watch evictions fetchers",
    b"quit",
)
MEMCACHED_ODD = (
    b"nonsense",
    b"set a 0 0 9999999",
    b"incr b x",
    b"slabs reassign 1 2",
    b"delete b 9",
    b"get " + b"k" * 300,
    b"verbosity x",
    b"lru tune x",
    b"\x80\x00\x00\x03" + bytes(20),
    b"\x80\x99\x00\x03" + bytes(20),
    b"mg",
    b"ms b S9",
    b"set b 0 0 3\r\nxyzzz",
    b"GET / HTTP/1.1\r\nHost: a\r\n",
)


def memcached(lab: Lab) -> None:
    """memcached -vvv: work, protocol errors, evictions, connections for which there's no room."""
    with lab.fault("bad-config"):
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
            ("-f", "0.5"),
            ("-S",),
        ):
            lab.run("memcached", "-u", "nobody", *wrong, timeout=1.5)
    for level in ("-v", "-vv", "-vvv"):
        with lab.healthy():
            server = lab.start("memcached", "-u", "nobody", level, "-p", "11211", *OPTIONS)
            lab.listening(11211)
            for words in MEMCACHED_WORK:
                lab.talk(11211, words + b"\r\n", wait=0.05)
            for n in range(12):
                key = f"{lab.rng.choice(('session', 'page', 'user'))}:{n}".encode()
                lab.talk(11211, b"set %s 0 60 4\r\ndata\r\n" % key, b"get %s\r\n" % key, wait=0.02)
        with lab.fault("protocol-error"):
            for words in MEMCACHED_ODD:
                lab.talk(11211, words + b"\r\n", wait=0.05)
        with lab.fault("out-of-memory"):
            block = b"x" * 500000
            for n in range(25):
                lab.talk(11211, b"set key%d 0 0 500000\r\n%s\r\n" % (n, block), wait=0.02)
        with lab.fault("overload"):
            lab.crowd(11211)
        with lab.fault("address-in-use"):
            lab.run("memcached", "-u", "nobody", "-p", "11211", timeout=2)
        with lab.healthy():
            for words in MEMCACHED_WORK[:5]:
                lab.talk(11211, words + b"\r\n", wait=0.05)
            lab.stop(server, signal.SIGINT)


SERVICES = (
    Service("redis", ("redis-server",), redis, 110),
    Service("memcached", ("memcached",), memcached),
)
