"""pgbouncer: pools that work, refused logins, time-outs, a database that goes away."""

import signal

from corpus.lab import Lab, Service
from corpus.postgres import BIN, initdb, psql

BOUNCER = """
[databases]
a = host=127.0.0.1 port=9
b = host=no.invalid
good = host=127.0.0.1 port=5432 dbname=postgres user=alice
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = 6432
auth_type = md5
auth_file = /srv/app/u
query_wait_timeout = 1
server_login_retry = 1
verbose = %d
max_client_conn = 6
admin_users = alice
unix_socket_dir =
client_login_timeout = 1
stats_period = 1
"""


def _ask(
    lab: Lab, user: str, base: str, *statements: str, right: bool = True, keep: bool = False
) -> None:
    login = ("psql", "-X", "-h", "127.0.0.1", "-p", "6432", "-U", user, base)
    words = [word for statement in statements for word in ("-c", statement)]
    lab.run(
        *login, *words, env={"PGPASSWORD": "secret" if right else "wrong"}, timeout=4, keep=keep
    )


def pgbouncer(lab: Lab) -> None:
    """pgbouncer before a PostgreSQL that is there, then dead; refused logins, time-outs."""
    data = initdb(lab)
    database = (BIN / "postgres", "-D", data, "-c", "fsync=off")
    lab.write("u", '"alice" "secret"\n"web" "secret"\n')
    with lab.fault("bad-config"):
        for wrong in (
            "pool_mode = none\n",
            "nonsense = 1\n",
            "auth_file = /none\n",
            "listen_port = x\n",
            "auth_type = magic\n",
            "client_tls_sslmode = require\n",
            "[databases\n",
        ):
            config = lab.write("broken.ini", BOUNCER % 0 + wrong)
            lab.run("pgbouncer", "-u", "nobody", config, timeout=2)
    for loud in (0, 1, 2):
        process = lab.start(*database, user="postgres", keep=False)
        lab.listening(5432)
        lab.pause(1)
        psql(lab, ("create role alice superuser login", "create role web login"))
        config = lab.write("p.ini", BOUNCER % loud)
        with lab.healthy():
            server = lab.start("pgbouncer", "-u", "nobody", config)
            lab.listening(6432)
            for user in ("alice", "web", "alice"):
                _ask(lab, user, "good", "select 1", "select count(*) from pg_class")
            shows = ("pools", "stats", "clients", "servers", "databases", "config", "lists")
            _ask(lab, "alice", "pgbouncer", *(f"show {what}" for what in shows))
            _ask(lab, "alice", "pgbouncer", "pause", "resume", "reload", "reconnect")
            lab.pause(1.2)
            _ask(lab, "web", "good", "select now()")
        with lab.fault("refused-login"):
            for user in ("alice", "nobody9", lab.user()):
                _ask(lab, user, "good", "select 1", right=False, keep=True)
                _ask(lab, user, "none", "select 1", keep=True)
            _ask(lab, "web", "pgbouncer", "shutdown")
        with lab.fault("protocol-error"):
            lab.talk(6432, b"GET / HTTP/1.0\r\n\r\n")
            lab.talk(6432, b"\0\0\0\x09\0\x09\0\0x")
            lab.talk(6432, b"", wait=1.5)
        with lab.fault("overload"):
            lab.crowd(6432, 12)
        with lab.fault("address-in-use"):
            lab.run("pgbouncer", "-u", "nobody", config, timeout=2)
        with lab.fault("backend-down"):
            lab.stop(process, signal.SIGQUIT)
            for base in ("a", "b", "good"):
                _ask(lab, "alice", base, "select 1", keep=True)
            lab.pause(1)
        process = lab.start(*database, user="postgres", keep=False)
        lab.listening(5432)
        for _ in range(2):
            lab.pause(1.2)
            _ask(lab, "alice", "good", "select 1")
        with lab.healthy():
            _ask(lab, "alice", "good", "select 1")
            lab.stop(server, signal.SIGINT)
        lab.stop(process)


SERVICES = (Service("pgbouncer", ("pgbouncer", "postgresql-15"), pgbouncer, 80),)
