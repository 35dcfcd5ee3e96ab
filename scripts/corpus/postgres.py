"""PostgreSQL: work of every kind; failed statements, refused logins, crashes."""

import shutil
import signal
import subprocess
from pathlib import Path

from corpus.lab import Lab, Service

BIN = Path("/usr/lib/postgresql/15/bin")
GOOD = (
    "create table orders (id serial primary key, who text not null, total int check (total > 0))",
    "create table lines (o int references orders (id), item text, n int)",
    "insert into orders (who, total) select 'c' || n, n from generate_series(1, 3000) n",
    "insert into lines select n, 'item', 2 from generate_series(1, 3000) n",
    "create index on lines (o)",
    "create index concurrently on orders (who)",
    "analyze verbose orders",
    "update orders set total = total + 1 where id % 2 = 0",
    "delete from lines where o % 3 = 0",
    "vacuum verbose lines",
    "select count(*) from orders join lines on o = id",
    "select who, sum(total) from orders group by who order by 2 desc limit 5",
    "begin; update orders set who = 'x' where id = 1; commit",
    "begin; update orders set who = 'y' where id = 2; rollback",
    "create view big as select * from orders where total > 100",
    "alter table orders add column note text default 'none'",
    "create role app login password 'secret'",
    "grant all on all tables in schema public to app",
    "create database shop",
    "create schema archive",
    "create extension if not exists plpgsql",
    "set work_mem = '64kB'",
    "select count(*) from (select * from generate_series(1, 9000) a order by 1) x",
    "select pg_sleep(0.05)",
    "checkpoint",
    "select pg_switch_wal()",
    "select pg_reload_conf()",
    "do $$ begin raise notice 'batch of % done', 5; raise log 'nightly job finished'; end $$",
    "explain analyze select * from lines where o = 5",
    "prepare q as select 1; execute q; deallocate q",
    "listen jobs; notify jobs, 'run'",
    "copy orders to stdout with (format csv)",
    "create publication p for table orders",
    "select pg_create_physical_replication_slot('standby')",
    "select pg_drop_replication_slot('standby')",
    "truncate lines",
    "reindex table orders",
    "cluster orders using orders_pkey",
    "create materialized view totals as select who, sum(total) from orders group by 1",
    "refresh materialized view totals",
    *("drop materialized view totals", "drop view big", "drop schema archive"),
    *("drop publication p", "drop table lines", "drop table orders", "drop owned by app"),
    *("drop role app", "drop database shop"),
)
BAD = (
    "select 1/0",
    "select * from missing",
    "select missing from pg_class",
    "selec 1",
    "create table t (a int primary key, b text not null, c int check (c > 0))",
    "insert into t values (1, 'x', 1)",
    "insert into t values (1, 'x', 1)",
    "insert into t values (2, null, 1)",
    "insert into t values ('abc', 'x', 1)",
    "insert into t values (99999999999, 'x', 1)",
    "insert into t values (4, 'x', -1)",
    "drop table nothing",
    "drop role nobody9",
    "create database postgres",
    "commit",
    "grant all on t to nobody9",
    "copy t from '/none/file'",
    "create extension nothing",
    "select 'x'::json",
    "select '2020-99-99'::date",
    "do $$ begin raise warning 'disk % is nearly full', 'sda'; end $$",
    "do $$ begin raise exception 'balance is negative'; end $$",
    "create function f(int) returns int language sql as 'select f($1+1)'",
    "select f(1)",
    "select repeat('x', 1100000000)",
    "prepare transaction 'x'",
    "select pg_cancel_backend(1)",
    "select lo_get(1)",
    "create index concurrently on t (missing)",
    "select * from pg_read_file('/etc/none')",
    "set role nobody9",
    "select xpath('/a', '<b')",
    "create subscription s connection 'host=127.0.0.1 port=9' publication p",
    "drop table t",
)
BAD_SETTINGS = (
    "port=x",
    "shared_buffers=1",
    "nonsense=1",
    "listen_addresses=1.2.3.4",
    "shared_preload_libraries=none",
    "ssl=on",
    "max_connections=2",
    "wal_level=none",
    "hba_file=/none",
    "timezone=Mars",
    "log_directory=/none\x01",
)
STYLES = (
    ("%m [%p] ", "warning", "stderr"),
    ("%t [%p]: [%l-1] user=%u,db=%d,app=%a,client=%h ", "info", "stderr"),
    ("%m [%p] %q%u@%d ", "debug1", "stderr,csvlog,jsonlog"),
    ("<%n %c %e %v %x> ", "debug3", "stderr"),
)
OPTIONS = {
    "max_connections": "8",
    "log_connections": "on",
    "log_disconnections": "on",
    "log_checkpoints": "on",
    "log_lock_waits": "on",
    "deadlock_timeout": "100ms",
    "log_statement": "ddl",
    "log_min_duration_statement": "20",
    "log_temp_files": "0",
    "log_autovacuum_min_duration": "0",
    "log_replication_commands": "on",
    "wal_level": "logical",
    "autovacuum_naptime": "1",
    "temp_file_limit": "1MB",
}
HBA = (
    "local all all trust\nhost all bob 127.0.0.1/32 reject\n"
    "host all all 127.0.0.0/8 scram-sha-256\n"
)


def psql(lab: Lab, statements: tuple[str, ...], keep: bool = False, timeout: float = 9) -> None:
    """Run statements in one session, going on after errors."""
    words = [word for statement in statements for word in ("-c", statement)]
    lab.run("psql", "-X", "-q", *words, user="postgres", keep=keep, timeout=timeout)


def initdb(lab: Lab) -> Path:
    """A new cluster's folder."""
    data = Path("/var/lib/postgresql/lab")
    lab.folder(data, "postgres").chmod(0o700)
    lab.folder("/run/postgresql", "postgres")
    init = (BIN / "initdb", "-D", data, "-A", "trust", "--no-sync")
    lab.run(*init, user="postgres", timeout=25)
    return data


def postgresql(lab: Lab) -> None:
    """PostgreSQL with four prefixes and levels: work, then one fault after the other."""
    with lab.healthy():
        data = initdb(lab)
    lab.collect(data / "log" / "*")
    server = (BIN / "postgres", "-D", data, "-c", "fsync=off")
    (data / "pg_hba.conf").write_text(HBA)
    with lab.fault("bad-config"):
        for wrong in BAD_SETTINGS:
            lab.run(*server, "-c", wrong, user="postgres", timeout=2)
        lab.run(*server, timeout=2)
    for number, (prefix, level, where) in enumerate(STYLES):
        options = {**OPTIONS, "log_line_prefix": prefix, "log_min_messages": level}
        options |= {
            "log_destination": where,
            "logging_collector": "on" if "csv" in where else "off",
            "log_statement": "all" if number == 1 else "ddl",
        }
        settings = "".join(f"{name} = '{value}'\n" for name, value in options.items())
        (data / "postgresql.conf").write_text(settings)
        with lab.healthy():
            process = lab.start(*server, user="postgres")
            lab.listening(5432)
            lab.pause(0.5)
            if number == 0:
                psql(lab, ("create role alice login password 'secret'",))
            psql(lab, GOOD)
            _logins(lab, "secret")
            lab.pause(2)
        _trouble(lab, number)
        with lab.healthy():
            psql(lab, GOOD[:12])
            psql(lab, ("drop table lines; drop table orders",))
            if number != 2:
                lab.stop(process, (2, 3, 9, 15)[number])
        if number == 2:
            with lab.fault("crash"):
                lab.stop(process, signal.SIGKILL)
                lab.run("pkill", "-9", "postgres", keep=False)
                lab.pause()
                process = lab.start(*server, user="postgres")
                lab.listening(5432)
                lab.pause(0.5)
            lab.stop(process)
    _damage(lab, data)


def _logins(lab: Lab, password: str) -> None:
    """Sessions over TCP, with a password."""
    for name in ("report", "api", "psql"):
        env = {"PGPASSWORD": password, "PGAPPNAME": name}
        login = ("psql", "-h", "127.0.0.1", "-U", "alice", "-d", "postgres")
        lab.run(*login, "-c", "select now()", env=env, keep=False)


def _trouble(lab: Lab, number: int) -> None:
    """Statements that fail, logins that are refused, a backend that is killed."""
    with lab.fault("failed-statement"):
        psql(lab, BAD, keep=number == 0, timeout=12)
    with lab.fault("refused-login"):
        _logins(lab, "wrong")
        for user in ("bob", "nobody9", lab.user()):
            for base in ("postgres", "nothing"):
                login = ("psql", "-h", "127.0.0.1", "-U", user, "-d", base)
                lab.run(*login, env={"PGPASSWORD": "wrong"}, keep=number == 0)
    with lab.fault("protocol-error"):
        lab.talk(5432, b"\0\0\0\x08\x04\xd2\x16\x2f")
        lab.talk(5432, b"GET / HTTP/1.0\r\n\r\n")
        lab.talk(5432, b"\0\0\0\x09\0\x09\0\0x")
        lab.talk(5432, b"\0\0\0\x0c\0\x03\0\0user")
    with lab.fault("timeout"):
        psql(lab, ("create table if not exists q (a int primary key)",))
        psql(lab, ("insert into q values (1), (2) on conflict do nothing",))
        holder = _session(lab, "begin", "lock table q", "select pg_sleep(1.5)", "commit")
        lab.pause(0.3)
        psql(lab, ("set lock_timeout = '250ms'", "begin; lock table q"))
        psql(lab, ("set statement_timeout = '200ms'", "select pg_sleep(5)"))
        psql(lab, ("set idle_in_transaction_session_timeout = 100", "begin", "\\! sleep 0.4"))
        lab.gone(holder)
    with lab.fault("deadlock"):
        one = "update q set a = a where a = 1", "update q set a = a where a = 2"
        first = _session(lab, "begin", one[0], "select pg_sleep(0.5)", one[1])
        second = _session(lab, "begin", one[1], "select pg_sleep(0.5)", one[0])
        lab.gone(first)
        lab.gone(second)
    with lab.fault("disk-full"):
        sort = "select count(*) from (select * from generate_series(1, 900000) a order by 1) x"
        psql(lab, ("set work_mem = '64kB'", sort))
        if number == 0:
            folder = lab.tiny_disk("space", "400k")
            shutil.chown(folder, "postgres", "postgres")
            psql(lab, (f"create tablespace tiny location '{folder}'",))
            many = "select repeat('x', 500) from generate_series(1, 5000)"
            psql(lab, (f"create table huge tablespace tiny as {many}",))
            psql(lab, ("drop tablespace tiny", "checkpoint"))
    with lab.fault("too-many-connections"):
        sleepers = [_session(lab, "select pg_sleep(20)") for _ in range(9)]
        lab.pause(0.7)
        psql(lab, ("select 1",), keep=number == 0)
        for sleeper in sleepers[2:]:
            lab.stop(sleeper, signal.SIGKILL)
    with lab.fault("crash"):
        if number % 2:
            lab.run("pkill", "-15", "-f", "postgres: .*SELECT", keep=False)
        else:
            lab.run("pkill", "-9", "-f", "postgres: .*SELECT", keep=False)
        lab.pause(1.5)
    for sleeper in sleepers[:2]:
        lab.stop(sleeper)
    lab.pause(1)


def _session(lab: Lab, *statements: str) -> subprocess.Popen[bytes]:
    words = [word for statement in statements for word in ("-c", statement)]
    return lab.start("psql", "-X", "-q", *words, user="postgres", keep=False)


def _damage(lab: Lab, data: Path) -> None:
    """Files that are broken, one after the other, and what starting with them says."""
    server = (BIN / "postgres", "-D", data, "-c", "fsync=off")
    with lab.fault("bad-config"):
        (data / "pg_hba.conf").write_text(HBA + "hostssl x x 10.0.0.0/8 nonsense\nlocal all\n")
        lab.run(*server, user="postgres", timeout=2)
        (data / "pg_hba.conf").write_text(HBA)
    with lab.fault("corrupt-data"):
        next((data / "base" / "5").glob("1259")).write_bytes(lab.rng.randbytes(8192))
        process = lab.start(*server, user="postgres")
        lab.listening(5432)
        psql(lab, ("select count(*) from pg_class",), keep=True)
        lab.stop(process)
        (data / "global" / "pg_control").write_bytes(b"x" * 8192)
        for tool in ("pg_controldata", "pg_checksums", "postgres"):
            lab.run(BIN / tool, "-D", data, user="postgres", timeout=3)
        shutil.rmtree(data / "pg_wal")
        lab.run(BIN / "pg_resetwal", "-f", "-D", data, user="postgres", timeout=3)
        lab.run(*server, user="postgres", timeout=3)


SERVICES = (Service("postgresql", ("postgresql-15",), postgresql, 170),)
