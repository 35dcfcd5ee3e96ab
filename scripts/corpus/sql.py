"""SQL databases: failed statements, refused logins, broken files, killed backends."""

import shutil
from pathlib import Path

from corpus.lab import Lab, Service

SQL = (
    "select 1/0",
    "select * from missing",
    "select missing from t",
    "selec 1",
    "create table t (a int primary key, b text not null, c int references t check (c > 0))",
    "insert into t values (1, 'x', 1)",
    "insert into t values (1, 'x', 1)",
    "insert into t values (2, null, 1)",
    "insert into t values (3, 'x', 99)",
    "insert into t values ('abc', 'x', 1)",
    "insert into t values (99999999999, 'x', 1)",
    "insert into t values (4, 'x', -1)",
    "drop table nothing",
    "drop role nobody9",
    "create database d",
    "create database d",
    "begin; select 1; commit; commit",
    "vacuum t",
    "grant all on t to nobody9",
    "set statement_timeout = '100ms'; select pg_sleep(5)",
    "set lock_timeout = '50ms'; lock table t",
    "select pg_terminate_backend(pg_backend_pid())",
    "select pg_reload_conf()",
    "copy t from '/none/file'",
    "create extension nothing",
    "select 'x'::json",
    "select '2020-99-99'::date",
    "do $$ begin raise warning 'disk % is nearly full', 'sda'; raise notice 'ok'; end $$",
    "do $$ begin raise exception 'balance is negative'; end $$",
    "create function f(int) returns int language sql as 'select f($1+1)'; select f(1)",
    "set work_mem = '64kB'; select count(*) from generate_series(1, 200000) a order by 1",
    "select repeat('x', 1100000000)",
    "alter system set shared_buffers = 'lots'",
    "alter system set port = 5433; select pg_reload_conf()",
    "checkpoint",
    "prepare transaction 'x'",
    "select pg_cancel_backend(1)",
    "create unlogged table u as select generate_series(1, 30000); analyze u",
    "explain analyze select * from u join u v using (generate_series)",
    "select lo_get(1)",
    "create index concurrently on u (missing)",
    "select * from pg_read_file('/etc/none')",
    "set role nobody9",
    "select xpath('/a', '<b')",
    "create subscription s connection 'host=127.0.0.1 port=9' publication p",
)


POSTGRES = Path("/usr/lib/postgresql/15/bin")


PG_STYLES = (
    ("%m [%p] ", "warning", "stderr"),
    ("%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", "info", "stderr"),
    ("%m [%p] %q%u@%d ", "debug1", "stderr,csvlog,jsonlog"),
    ("<%n %c %e %v %x> ", "debug3", "stderr"),
)


def postgresql(lab: Lab) -> None:
    """PostgreSQL with four prefixes and levels: SQL errors, refused logins, crash recovery."""
    data = Path("/var/lib/postgresql/lab")
    lab.folder(data, "postgres").chmod(0o700)
    lab.folder("/run/postgresql", "postgres")
    lab.run(
        POSTGRES / "initdb", "-D", data, "-A", "trust", "--no-sync", user="postgres", timeout=25
    )
    hba = "local all postgres peer\nlocal all all trust\nhost all bob 127.0.0.1/32 reject\n"
    hba += "host all all 127.0.0.0/8 scram-sha-256\nhostssl x x 10.0.0.0/8 nonsense\n"
    server = (POSTGRES / "postgres", "-D", data, "-c", "fsync=off")
    for wrong in (
        "port=x",
        "shared_buffers=1",
        "nonsense=1",
        "listen_addresses=1.2.3.4",
        "shared_preload_libraries=none",
        "ssl=on",
        "max_connections=2",
    ):
        lab.run(*server, "-c", wrong, user="postgres", timeout=2)
    lab.run(*server, timeout=2)
    for number, (prefix, level, where) in enumerate(PG_STYLES):
        (data / "pg_hba.conf").write_text(hba if number == 1 else hba.rpartition("hostssl")[0])
        options = {
            "log_line_prefix": prefix,
            "log_min_messages": level,
            "log_destination": where,
            "logging_collector": "on" if "csv" in where else "off",
            "max_connections": "8",
            "log_connections": "on",
            "log_disconnections": "on",
            "log_checkpoints": "on",
            "log_lock_waits": "on",
            "deadlock_timeout": "100ms",
            "log_statement": "ddl",
            "log_min_duration_statement": "20" if number else "-1",
            "log_temp_files": "0",
            "log_autovacuum_min_duration": "0",
            "wal_level": "logical",
            "autovacuum_naptime": "1",
            "temp_file_limit": "1MB",
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        process = lab.start(*server, *flags, user="postgres")
        lab.listening(5432)
        _trouble_postgres(lab, number)
        lab.stop(process, (2, 3, 9, 15)[number])
    lab.collect(data / "log" / "*")
    next((data / "base" / "1").glob("1259")).write_bytes(lab.rng.randbytes(8192))
    lab.run(*server, user="postgres", timeout=3)
    lab.run(POSTGRES / "pg_ctl", "-D", data, "stop", user="postgres")
    (data / "global" / "pg_control").write_bytes(b"x" * 8192)
    for tool in ("pg_controldata", "pg_checksums", "postgres"):
        lab.run(POSTGRES / tool, "-D", data, user="postgres", timeout=3)
    shutil.rmtree(data / "pg_wal")
    lab.run(*server, user="postgres", timeout=3)


def _trouble_postgres(lab: Lab, number: int) -> None:
    """Statements that fail, logins that are refused, a backend that is killed."""
    for statement in SQL:
        lab.run("psql", "-X", "-c", statement, user="postgres", keep=number == 0, timeout=4)
    for user in ("bob", "alice", lab.user()):
        for base in ("postgres", "nothing"):
            env = {"PGPASSWORD": "wrong"}
            lab.run("psql", "-h", "127.0.0.1", "-U", user, "-d", base, env=env, keep=number == 0)
    for chunk in (
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"GET / HTTP/1.0\r\n\r\n",
        b"\0\0\0\x09\0\x09\0\0x",
    ):
        lab.talk(5432, chunk)
    sleepers = [
        lab.start("psql", "-X", "-c", "select pg_sleep(20)", user="postgres", keep=False)
        for _ in range(9 if number == 2 else 1)
    ]
    lab.pause(0.7)
    if number != 1:
        lab.run("pkill", "-9", "-f", "postgres: .*SELECT")
    lab.pause(1)
    for sleeper in sleepers:
        lab.stop(sleeper)


MARIA_SQL = (
    "selec 1",
    "select * from missing.t",
    "create database d",
    "use d; select 1/0",
    "create user u@localhost identified by 'x'",
    "kill 9999",
    "install soname 'none'",
    "set global innodb_buffer_pool_size=1",
    "flush tables with read lock",
    "signal sqlstate '45000'",
    "create table d.t (a int primary key) engine=none",
    "create table d.t (a int) engine=myisam",
    "insert into d.t values (1),(2)",
    "check table d.t",
    "repair table d.none",
    "set global general_log=1",
    "set global log_warnings=9",
    "set global slow_query_log=1",
    "set long_query_time=0.01; select sleep(0.1)",
    "load data infile '/none' into table d.t",
    "change master to master_host='127.0.0.1', master_port=9, master_user='r', "
    "master_connect_retry=1; start slave",
    "create event e on schedule every 1 second do "
    "insert into nothing values (1); set global event_scheduler=1",
    "set global max_connections=11",
    "create table d.i (a int primary key) engine=innodb; insert into d.i values (1)",
    "shutdown wait for none",
)


def mariadb(lab: Lab) -> None:
    """MariaDB: start-up from broken files, refused logins, aborted clients, crash recovery."""
    data = Path("/var/lib/mysql/lab")
    lab.folder(data, "mysql")
    lab.folder("/run/mysqld", "mysql")
    lab.run("mariadb-install-db", f"--datadir={data}", "--user=mysql", "--skip-test-db", timeout=30)
    server = (
        "mariadbd",
        "--no-defaults",
        f"--datadir={data}",
        "--user=mysql",
        "--skip-log-bin",
        "--socket=/run/mysqld/x.sock",
        "--bind-address=127.0.0.1",
        "--log-warnings=9",
        "--innodb-buffer-pool-size=16M",
        f"--slow-query-log-file={data}/slow.log",
        f"--general-log-file={data}/general.log",
    )
    lab.collect(data / "slow.log", data / "general.log")
    for wrong in (
        "--nonsense",
        "--port=x",
        "--innodb-page-size=5",
        "--plugin-load=none",
        "--default-storage-engine=none",
        "--log-error=/none/x",
        "--tmpdir=/none",
        "--character-set-server=klingon",
        "--ssl-cert=/none.pem",
    ):
        lab.run(*server, wrong, timeout=2.5)
    client = ("mariadb", "-S", "/run/mysqld/x.sock")
    for sig in (9, 11, 15):
        process = lab.start(*server, "--port=3306", "--slave-skip-errors=1062", "--server-id=2")
        lab.listening(3306)
        lab.run(*server, "--port=3306", timeout=4)
        for statement in MARIA_SQL:
            lab.run(*client, "-e", statement, timeout=4, keep=sig == 9)
        for user in ("u", lab.user(), lab.user()):
            login = ("mariadb", "-h", "127.0.0.1", "-u", user, "-pwrong", "-e", "select 1", "d")
            lab.run(*login, keep=sig == 9)
        for chunk in (b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 40, b""):
            lab.talk(3306, chunk)
        sleeper = lab.start(*client, "-e", "select sleep(9)", keep=False)
        lab.pause(0.5)
        lab.stop(sleeper, 9)
        lab.pause(0.7)
        lab.stop(process, sig)
    for path in ("d/i.ibd", "d/t.MYI", "ibdata1", "aria_log_control"):
        target = data / path
        if target.exists():
            target.write_bytes(lab.rng.randbytes(20000))
            lab.run(*server, "--port=3306", timeout=4)


def pgbouncer(lab: Lab) -> None:
    """pgbouncer before a dead PostgreSQL: refused logins, time-outs, unusable settings."""
    text = (
        "[databases]\na = host=127.0.0.1 port=9\nb = host=no.invalid\n[pgbouncer]\n"
        "listen_addr = 127.0.0.1\nlisten_port = 6432\nauth_type = md5\nauth_file = /srv/app/u\n"
        "query_wait_timeout = 1\nserver_login_retry = 1\nverbose = %s\nmax_client_conn = 6\n"
        "admin_users = alice\nunix_socket_dir =\nclient_login_timeout = 1\nstats_period = 1\n"
    )
    lab.write("u", '"alice" "secret"\nbroken\n')
    for wrong in (
        "pool_mode = none\n",
        "nonsense = 1\n",
        "auth_file = /none\n",
        "listen_port = x\n",
    ):
        lab.run("pgbouncer", "-u", "nobody", lab.write("broken.ini", text % 0 + wrong), timeout=2)
    for loud in (0, 2):
        server = lab.start("pgbouncer", "-u", "nobody", lab.write("p.ini", text % loud))
        lab.listening(6432)
        for user in ("alice", lab.user()):
            for base in ("a", "b", "none", "pgbouncer"):
                lab.run(
                    "psql",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    "6432",
                    "-U",
                    user,
                    base,
                    "-c",
                    "show pools",
                    env={"PGPASSWORD": "secret"},
                    timeout=4,
                )
        lab.talk(6432, b"GET / HTTP/1.0\r\n\r\n")
        lab.talk(6432, b"", wait=1.5)
        lab.run("pgbouncer", "-u", "nobody", lab.dir / "p.ini", timeout=2)
        lab.stop(server, 2)


SERVICES = (
    Service("postgresql", ("postgresql-15",), postgresql, 60),
    Service("mariadb", ("mariadb-server",), mariadb, 60),
    Service("pgbouncer", ("pgbouncer", "postgresql-client-15"), pgbouncer),
)
