"""Small daemons whose lines carry few level words: queues, chat, boot files, block devices."""

import signal

from corpus.lab import Lab, Service

JOBS = (
    b"use mail\r\n",
    b"put 10 0 60 5\r\nhello\r\n",
    b"watch mail\r\n",
    b"reserve-with-timeout 0\r\n",
    b"touch 1\r\n",
    b"bury 1 5\r\n",
    b"kick 5\r\n",
    b"stats\r\n",
    b"stats-tube mail\r\n",
    b"list-tubes\r\n",
    b"peek-ready\r\n",
    b"pause-tube mail 1\r\n",
    b"delete 1\r\n",
    b"quit\r\n",
)


def beanstalkd(lab: Lab) -> None:
    """beanstalkd -VVV: jobs put and done; nonsense, a damaged and a full log."""
    with lab.fault("bad-config"):
        for wrong in (
            ("-p", "x"),
            ("-b", "/none"),
            ("-u", "nobody9"),
            ("-z", "x"),
            ("-l", "1.2.3.4"),
        ):
            lab.run("beanstalkd", *wrong, timeout=1.5)
    wal = lab.tiny_disk("wal", "200k")
    command = ("beanstalkd", "-VVV", "-l", "127.0.0.1", "-b", str(wal), "-s", "40960")
    for number in range(2):
        with lab.healthy():
            server = lab.start(*command)
            lab.listening(11300)
            for _ in range(4):
                lab.talk(11300, *JOBS, wait=0.05)
            if number:
                lab.stop(server)
                server = lab.start(*command)
                lab.listening(11300)
                lab.talk(11300, *JOBS, wait=0.05)
        with lab.fault("protocol-error"):
            for chunk in (b"nonsense\r\n", b"put 1 2\r\n", b"put 1 0 9 99999999\r\n", b"x" * 300):
                lab.talk(11300, chunk)
            lab.talk(11300, b"put 1 0 9 3\r\nhello\r\n", b"delete x\r\n", b"GET / HTTP/1.0\r\n")
        with lab.fault("address-in-use"):
            lab.run("beanstalkd", "-l", "127.0.0.1", timeout=1.5)
        with lab.fault("disk-full"):
            lab.fill(wal / "filler")
            for _ in range(12):
                lab.talk(11300, b"put 10 0 60 9000\r\n" + b"x" * 9000 + b"\r\n", wait=0.03)
            (wal / "filler").unlink()
        lab.stop(server)
        with lab.fault("corrupt-data"):
            for file in wal.glob("binlog.*"):
                file.write_bytes(file.read_bytes()[:50] + lab.rng.randbytes(400))
            lab.run(*command, timeout=1.5)
            for file in wal.glob("binlog.*"):
                file.write_bytes(b"damage")
            lab.run(*command, timeout=1.5)
            for file in wal.glob("*"):
                file.unlink()


IRC = """
[Global]
Name = irc.example.org
Info = lab
AdminInfo1 = nobody
Listen = 127.0.0.1
ServerUID = nobody
ServerGID = nogroup
%s
[Limits]
MaxConnections = 12
PingTimeout = 5
PongTimeout = 5
[Options]
DNS = no
Ident = no
PAM = no
%s
[Operator]
Name = boss
Password = secret
[Channel]
Name = #lobby
Topic = hello
"""
PEER = "[Server]\nName = far.example.org\nHost = 127.0.0.1\nPort = 9\n"
PEER += "MyPassword = a\nPeerPassword = b\n"


def ngircd(lab: Lab) -> None:
    """ngircd: chats; refused operators and servers, nonsense, unusable settings."""
    with lab.fault("bad-config"):
        for head, more in (
            ("Nonsense = 1", ""),
            ("Ports = x", ""),
            ("MotdFile = /none", "ChrootDir = /none"),
            ("Password = ", "Nonsense = yes"),
            ("ServerUID = nobody9", "OperMode = x"),
        ):
            lab.run("ngircd", "-n", "-t", "-f", lab.write("b.conf", IRC % (head, more)), timeout=2)
            lab.run("ngircd", "-n", "-f", lab.dir / "b.conf", timeout=1.5)
        lab.run("ngircd", "-n", "-f", "/none", timeout=1.5)
    for flags in (("-n",), ("-n", "-p")):
        config = lab.write("n.conf", IRC % ("", ""))
        with lab.healthy():
            server = lab.start("stdbuf", "-oL", "ngircd", *flags, "-f", config)
            lab.listening(6667)
            for nick in ("alice", "bob", "boss"):
                hello = f"NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\n".encode()
                # It answers at leisure, and loops when a client doesn't wait for its answers.
                oper = (b"OPER boss secret\r\n", b"REHASH\r\n") if nick == "boss" else ()
                words = (b"JOIN #lobby\r\n", *oper, b"LIST\r\n", b"QUIT :bye\r\n", b"")
                lab.talk(6667, hello, *words, wait=3)
            server.send_signal(signal.SIGHUP)
            lab.pause()
        with lab.fault("refused-login"):
            hello, quit_ = b"NICK eve\r\nUSER e 0 * :e\r\n", b"QUIT\r\n"
            lab.talk(6667, hello, b"OPER boss wrong\r\n", b"OPER x y\r\n", quit_, b"", wait=3)
            for secret in (b"PASS x", b"PASS x 0210-IRC+ x:y"):
                lab.talk(6667, secret + b"\r\nSERVER far.example.org 1 :x\r\n", b"", wait=3)
        with lab.fault("protocol-error"):
            for chunk in (b"GET / HTTP/1.0", b"\xff\xfe", b"NICK !!!", b"x" * 2000):
                lab.talk(6667, chunk + b"\r\n", b"QUIT\r\n", b"", wait=3)
        with lab.fault("overload"):
            lab.crowd(6667, 30)
        with lab.fault("address-in-use"):
            lab.run("ngircd", "-n", "-f", config, timeout=1.5)
        with lab.fault("backend-down"):
            lab.write("n.conf", IRC % ("", "") + PEER)
            server.send_signal(signal.SIGHUP)
            lab.pause(3)
        lab.stop(server)


def atftpd(lab: Lab) -> None:
    """atftpd: boot files fetched; missing and forbidden ones, broken requests."""
    root = lab.folder("boot")
    for file in ("pxelinux.0", "menu.cfg", "kernel.img"):
        lab.write(f"boot/{file}", lab.rng.randbytes(1500))
    lab.write("boot/secret", b"x", 0o600)
    command = (
        *("atftpd", "--daemon", "--no-fork", "--user", "nobody", "--logfile", "-"),
        *("--bind-address", "127.0.0.1", "--verbose=7", "--trace", str(root)),
    )
    with lab.fault("bad-config"):
        for wrong in (
            ("--nonsense",),
            ("--user", "nobody9"),
            ("--port", "x"),
            ("--maxthread", "x"),
        ):
            lab.run(
                "atftpd", "--daemon", "--no-fork", "--logfile", "-", *wrong, "/none", timeout=1.5
            )

    def read(name: bytes, *more: bytes) -> None:
        lab.talk(69, b"\0\1" + b"\0".join((name, b"octet", *more)) + b"\0", kind="udp")

    for _ in range(2):
        with lab.healthy():
            server = lab.start(*command)
            lab.pause(0.5)
            for size in ("512", "1024", "1408"):
                for file in ("pxelinux.0", "menu.cfg", "kernel.img"):
                    get = ("curl", "-s", "--tftp-blksize", size, f"tftp://127.0.0.1/{file}")
                    lab.run(*get, keep=False)
            lab.run("curl", "-s", "--tftp-no-options", "tftp://127.0.0.1/menu.cfg", keep=False)
        with lab.fault("missing-file"):
            for path in (b"none.cfg", b"../../etc/passwd", b"/etc/shadow", b"secret", b"boot/"):
                read(path)
                lab.run("curl", "-s", f"tftp://127.0.0.1/{path.decode()}", keep=False, timeout=3)
        with lab.fault("protocol-error"):
            for chunk in (
                b"\0\7x",
                b"\0\1",
                b"\0\2new\0octet\0",
                b"GET / HTTP/1.0\r\n",
                b"\0\1a\0b\0",
            ):
                lab.talk(69, chunk, kind="udp")
        with lab.fault("address-in-use"):
            lab.run(*command, timeout=1.5)
        with lab.healthy():
            lab.run("curl", "-s", "-o", "/dev/null", "tftp://127.0.0.1/menu.cfg", keep=False)
            lab.stop(server)


XINETD = """
defaults
{
 instances = 6
 log_type = FILE /var/log/xinetd.log
 log_on_success = HOST PID DURATION EXIT
 log_on_failure = HOST ATTEMPT
 cps = 50 2
}
service hello
{
 type = UNLISTED
 socket_type = stream
 protocol = tcp
 port = 7001
 wait = no
 user = nobody
 server = %s
 server_args = hello
 no_access = 10.0.0.0/8
 %s
}
service daytime
{
 type = INTERNAL UNLISTED
 id = daytime-stream
 socket_type = stream
 protocol = tcp
 port = 7013
 user = root
 wait = no
}
"""


def xinetd(lab: Lab) -> None:
    """xinetd: services started for clients; refused ones, missing programs, too many at a time."""
    lab.syslog("%timegenerated% %HOSTNAME% %syslogtag%%msg%")
    lab.collect("/var/log/xinetd.log")
    with lab.fault("bad-config"):
        for program, more in (
            ("/none/program", ""),
            ("/bin/echo", "nonsense = 1"),
            ("/bin/echo", "wait = maybe"),
            ("/bin/echo", "user = nobody9"),
            ("/bin/echo", "port = x"),
            ("/bin/echo", "access_times = 5"),
        ):
            config = lab.write("b.conf", XINETD % (program, more))
            lab.run("xinetd", "-dontfork", "-f", config, timeout=1.5)
    for _ in range(2):
        config = lab.write("x.conf", XINETD % ("/bin/echo", ""))
        with lab.healthy():
            server = lab.start("xinetd", "-dontfork", "-f", config)
            lab.listening(7001)
            for _ in range(8):
                lab.run("curl", "-s", "-m", "1", "telnet://127.0.0.1:7001", keep=False)
                lab.run("curl", "-s", "-m", "1", "telnet://127.0.0.1:7013", keep=False)
            server.send_signal(signal.SIGHUP)
            lab.pause(1)
        with lab.fault("access-denied"):
            for _ in range(8):
                lab.run(
                    "curl", "-s", "-m", "1", "--interface", "10.2.3.4", "telnet://127.0.0.1:7001"
                )
        with lab.fault("broken-script"):
            lab.write("x.conf", XINETD % ("/bin/false", "per_source = 1"))
            server.send_signal(signal.SIGHUP)
            lab.pause(0.5)
            for _ in range(4):
                lab.run("curl", "-s", "-m", "1", "telnet://127.0.0.1:7001", keep=False)
            lab.write("x.conf", XINETD % ("/none/program", "nonsense = 1"))
            server.send_signal(signal.SIGHUP)
            lab.pause(0.5)
        with lab.fault("overload"):
            lab.write("x.conf", XINETD % ("/bin/sleep", "cps = 5 2"))
            server.send_signal(signal.SIGHUP)
            lab.pause(0.5)
            lab.crowd(7001, 40)
        with lab.fault("address-in-use"):
            lab.run("xinetd", "-dontfork", "-f", config, "-pidfile", "/run/x2.pid", timeout=1.5)
        lab.write("x.conf", XINETD % ("/bin/echo", ""))
        with lab.healthy():
            server.send_signal(signal.SIGHUP)
            lab.pause(1)
            lab.stop(server)


SERVICES = (
    Service("beanstalkd", ("beanstalkd",), beanstalkd),
    Service("ngircd", ("ngircd",), ngircd, 140),
    Service("atftpd", ("atftpd", "curl"), atftpd, 70),
    Service("xinetd", ("xinetd", "curl", "rsyslog"), xinetd, 90),
)
