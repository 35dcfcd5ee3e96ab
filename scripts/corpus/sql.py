"""MariaDB, its client's complaints, and SQLite: work; failed statements, broken files, crashes."""

import signal
from pathlib import Path

from corpus.lab import Lab, Service

GOOD = (
    "create database if not exists shop",
    "create table shop.orders (id int auto_increment primary key, who varchar(40), total int)",
    "insert into shop.orders (who, total) values ('a', 1), ('b', 2), ('c', 3)",
    "create index w on shop.orders (who)",
    "alter table shop.orders add column note text",
    "select * from shop.orders where who = 'a'",
    "start transaction; update shop.orders set total = 5; commit",
    "analyze table shop.orders; optimize table shop.orders; check table shop.orders",
    "create table shop.old (a int) engine=myisam; insert into shop.old values (1)",
    "check table shop.old; repair table shop.old; flush tables",
    "create user if not exists app identified by 'secret'; grant all on shop.* to app",
    "flush privileges; flush logs; flush status",
    "set global slow_query_log=1; set global general_log=1; set global log_warnings=9",
    "set long_query_time=0.01; select sleep(0.05)",
    "create event shop.e on schedule every 1 second do update shop.orders set total = 1",
    "set global event_scheduler=1",
    "set global innodb_buffer_pool_size=25165824",
    "set global innodb_monitor_enable='%'",
    "show engine innodb status; show processlist; show variables like 'v%'",
    "create procedure shop.p() select 1; call shop.p(); drop procedure shop.p",
    "install soname 'ha_blackhole'; uninstall soname 'ha_blackhole'",
    "drop event shop.e; set global event_scheduler=0",
    "drop table shop.old; drop table shop.orders",
)
BAD = (
    "selec 1",
    "select * from missing.t",
    "use missing",
    "insert into mysql.none values (1)",
    "kill 9999",
    "install soname 'none'",
    "set global innodb_buffer_pool_size=1",
    "signal sqlstate '45000'",
    "create database d",
    "create table d.t (a int primary key) engine=none",
    "create table d.t (a int) engine=myisam",
    "create table d.i (a int primary key) engine=innodb; insert into d.i values (1)",
    "insert into d.i values (1)",
    "repair table d.none",
    "load data infile '/none' into table d.t",
    "create event d.e on schedule every 1 second do insert into nothing values (1)",
    "set global event_scheduler=1; select sleep(2.2)",
    "drop event d.e",
    "shutdown wait for none",
)
BAD_OPTIONS = (
    "--nonsense",
    "--port=x",
    "--innodb-page-size=5",
    "--plugin-load=none",
    "--default-storage-engine=none",
    "--log-error=/none/x",
    "--tmpdir=/none",
    "--character-set-server=klingon",
    "--ssl-cert=/none.pem",
    "--innodb-data-file-path=x",
)
CLIENT = ("mariadb", "-S", "/run/mysqld/x.sock", "-f", "-e")


def mariadb(lab: Lab) -> None:
    """MariaDB: work; start-up from broken files, refused logins, aborted clients, crashes."""
    data = Path("/var/lib/mysql/lab")
    lab.folder(data, "mysql")
    lab.folder("/run/mysqld", "mysql")
    lab.collect(data / "slow.log", data / "general.log")
    with lab.healthy():
        install = ("mariadb-install-db", f"--datadir={data}", "--user=mysql", "--skip-test-db")
        lab.run(*install, timeout=30)
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
    with lab.fault("bad-config"):
        for wrong in BAD_OPTIONS:
            lab.run(*server, wrong, timeout=2.5)
    for sig in (9, 11, 15):
        with lab.healthy():
            process = lab.start(*server, "--port=3306", "--server-id=2", "--max-connections=11")
            lab.listening(3306)
            for statement in GOOD:
                lab.run(*CLIENT, statement, timeout=4, keep=sig == 9)
            for _ in range(2):
                login = ("mariadb", "-h", "127.0.0.1", "-u", "app", "-psecret", "shop", "-e")
                lab.run(*login, "select 1", keep=False)
        _trouble(lab, server, sig)
        with lab.healthy():
            for statement in GOOD[:3]:
                lab.run(*CLIENT, statement, keep=False)
            if sig == 15:
                lab.stop(process, sig)
        if sig != 15:
            with lab.fault("crash"):
                lab.stop(process, sig)
                process = lab.start(*server, "--port=3306", "--server-id=2")
                lab.listening(3306)
            with lab.healthy():
                for statement in GOOD[5:6]:
                    lab.run(*CLIENT, statement, keep=False)
                lab.stop(process)
    with lab.fault("corrupt-data"):
        for path in ("d/i.ibd", "d/t.MYI", "ibdata1", "aria_log_control"):
            target = data / path
            if target.exists():
                target.write_bytes(lab.rng.randbytes(20000))
                lab.run(*server, "--port=3306", timeout=4)


def _trouble(lab: Lab, server: tuple[str, ...], sig: int) -> None:
    """One fault after the other."""
    keep = sig == 9
    with lab.fault("failed-statement"):
        for statement in BAD:
            lab.run(*CLIENT, statement, timeout=4, keep=keep)
    with lab.fault("refused-login"):
        for user in ("app", "nobody9", lab.user(), lab.user()):
            login = ("mariadb", "-h", "127.0.0.1", "-u", user, "-pwrong", "-e", "select 1", "d")
            lab.run(*login, keep=keep)
    with lab.fault("protocol-error"):
        for chunk in (b"GET / HTTP/1.0\r\n\r\n", b"\xff" * 40, b"\x20\0\0\1" + b"x" * 32, b""):
            lab.talk(3306, chunk)
    with lab.fault("aborted-client"):
        for _ in range(2):
            sleeper = lab.start(*CLIENT, "select sleep(9)", keep=False)
            lab.pause(0.4)
            lab.stop(sleeper, signal.SIGKILL)
    with lab.fault("too-many-connections"):
        sleepers = [lab.start(*CLIENT, "select sleep(2)", keep=False) for _ in range(13)]
        lab.pause(0.8)
        lab.run(*CLIENT, "select 1", keep=keep)
        for sleeper in sleepers:
            lab.stop(sleeper)
    lab.pause(1)
    with lab.fault("replication-broken"):
        lab.run(
            *CLIENT,
            "change master to master_host='127.0.0.1', master_port=9, master_user='r', "
            "master_connect_retry=1; start slave; select sleep(1.5); stop slave; reset slave all",
            keep=False,
        )
    with lab.fault("address-in-use"):
        lab.run(*server, "--port=3306", timeout=4)
    with lab.fault("backend-down"):
        lab.run("mariadb", "-h", "127.0.0.1", "-P", "9", "-e", "select 1")
        lab.run("mariadb-admin", "-S", "/run/none.sock", "ping")
        lab.run("mariadb-dump", "-h", "no.invalid", "d", timeout=5)


def sqlite(lab: Lab) -> None:
    """The sqlite3 shell: statements that work and that don't, damaged and full databases."""
    with lab.healthy():
        for name in ("a.db", "b.db"):
            for words in (
                "create table t (a integer primary key, b text not null);",
                "insert into t (b) values ('x'), ('y'); select * from t; pragma integrity_check;",
                ".schema",
                "explain query plan select * from t where a = 1; vacuum; analyze; reindex;",
                "pragma journal_mode=wal; pragma wal_checkpoint; pragma compile_options;",
            ):
                lab.run("sqlite3", "-bail", lab.dir / name, words)
    with lab.fault("failed-statement"):
        for words in (
            "selec 1;",
            "select * from none;",
            "insert into t (b) values (null);",
            "insert into t values (1, 'x');",
            "select none(1);",
            "create table t (a);",
            ".import /none t",
            ".nonsense",
            "insert into t values ('abc', 1);",
            "attach '/none/x' as y;",
        ):
            lab.run("sqlite3", lab.dir / "a.db", words)
    with lab.fault("corrupt-data"):
        damaged = bytearray((lab.dir / "a.db").read_bytes())
        damaged[1000:] = lab.rng.randbytes(len(damaged) - 1000)
        for data in (bytes(damaged), b"not a database at all" * 40):
            lab.write("c.db", data)
            for words in ("select * from t;", "pragma integrity_check;", ".recover"):
                lab.run("sqlite3", lab.dir / "c.db", words)
    with lab.fault("disk-full"):
        full = lab.tiny_disk("full", "32k") / "d.db"
        lab.run("sqlite3", full, "create table t (a);")
        for _ in range(3):
            lab.run(
                "sqlite3", full, "insert into t select randomblob(9000) from pragma_function_list;"
            )
    with lab.fault("access-denied"):
        lab.run("sqlite3", lab.dir / "a.db", "insert into t values (9, 'x');", user="nobody")
        lab.run("sqlite3", "/proc/none.db", "create table t (a);")


SERVICES = (
    Service("mariadb", ("mariadb-server",), mariadb, 150),
    Service("sqlite", ("sqlite3",), sqlite),
)
