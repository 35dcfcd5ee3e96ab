"""Files, messages, tunnels and logins: the daemons that talk to strangers."""

from corpus.lab import Lab, Service


def proftpd(lab: Lab) -> None:
    """ProFTPD: logins, refused commands, missing files, unusable directives."""
    text = (
        "ServerName lab\nServerType standalone\nPort 21\nDefaultAddress 127.0.0.1\n"
        "User nobody\nGroup nogroup\n"
        "PidFile /srv/app/p.pid\nScoreboardFile /srv/app/sb\n"
        "SystemLog /var/log/proftpd.log\nDebugLevel %d\n"
        "TransferLog /var/log/xferlog\nExtendedLog /var/log/ext.log ALL\n"
        "RequireValidShell off\nMaxInstances 5\n"
        "AuthUserFile /srv/app/users\nWtmpLog off\nUseReverseDNS off\n"
        "MaxLoginAttempts 2\nDelayTable none\n"
    )
    lab.collect("/var/log/proftpd.log", "/var/log/xferlog", "/var/log/ext.log")
    lab.write("users", "alice:$1$x$0AXOYAuOs.uNCmG2qRI8W.:65534:65534::/srv/app:/bin/sh\n", 0o600)
    with lab.fault("bad-config"):
        for wrong in (
            "Nonsense on",
            "Port x",
            "<Limit",
            "User nobody9",
            "LoadModule none.c",
            "TimeoutIdle x",
        ):
            lab.run("proftpd", "-n", "-c", lab.write("b.conf", f"{text % 3}{wrong}\n"), timeout=2)
    for level in (3, 10):
        with lab.healthy():
            server = lab.start("proftpd", "-n", "-c", lab.write("p.conf", text % level))
            lab.listening(21)
            for user in ("alice", "alice", "alice"):
                lab.talk(
                    21,
                    f"USER {user}\r\n".encode(),
                    b"PASS secret\r\n",
                    b"PWD\r\n",
                    b"TYPE I\r\n",
                    b"SYST\r\n",
                    b"NOOP\r\n",
                    b"CWD /srv\r\n",
                    b"STAT\r\n",
                    b"QUIT\r\n",
                )
        for user in ("alice", "anonymous", lab.user()):
            lab.talk(
                21,
                f"USER {user}\r\n".encode(),
                b"PASS secret\r\n",
                b"RETR none\r\n",
                b"PASV\r\n",
                b"CWD /none\r\n",
                b"NONSENSE\r\n",
                b"STOR x\r\n",
                b"PORT 1,2,3,4,5,6\r\n",
                b"QUIT\r\n",
            )
        lab.talk(21, b"GET / HTTP/1.0\r\n\r\n")
        lab.talk(21, b"USER " + b"x" * 5000 + b"\r\n")
        with lab.fault("connection-flood"):
            lab.crowd(21, 9)
        lab.run("proftpd", "-n", "-c", lab.dir / "p.conf", timeout=2)
        lab.stop(server)


def rsync(lab: Lab) -> None:
    """rsyncd and rsync: unknown modules, refused secrets, vanished and unreadable files."""
    lab.write(
        "conf",
        (
            "log file = /var/log/rsyncd.log\npid file = /srv/app/pid\ntransfer logging = yes\n"
            "[data]\npath = /srv/app/data\nread only = yes\n[gone]\npath = /none\n"
            "[shut]\npath = /srv/app\nauth users = alice\nsecrets file = /srv/app/secrets\n"
            "[deny]\npath = /srv\nhosts deny = *\n[full]\npath = /srv/app/full\nread only = no\n"
            "max connections = x\n"
        ),
    )
    lab.collect("/var/log/rsyncd.log")
    lab.write("secrets", "alice:x\n", 0o666)
    lab.write("data/a", "x" * 9000)
    lab.write("data/locked", "x", 0o000)
    lab.tiny_disk("full", "4k")
    with lab.healthy():
        server = lab.start(
            "rsync", "--daemon", "--no-detach", "--port=873", "--config=/srv/app/conf"
        )
        lab.listening(873)
        for flags in (
            ("-av",),
            ("-avvv",),
            ("-avz", "--stats"),
            ("-rn", "--itemize-changes"),
            ("-avi", "--progress"),
        ):
            lab.run(
                "rsync", *flags, "--exclude=locked", "rsync://127.0.0.1/data/", lab.dir / "fine"
            )
        lab.run("rsync", "rsync://127.0.0.1/")
    with lab.fault("refused-module"):
        for name in ("gone", "shut", "deny", "none", "full", "data/none"):
            for flags in (("-av",), ("-avvv", "--delete")):
                source = f"rsync://alice@127.0.0.1/{name}/"
                lab.run("rsync", *flags, source, lab.dir / "copy", env={"RSYNC_PASSWORD": "y"})
            lab.run("rsync", "-av", lab.dir / "data/", f"rsync://127.0.0.1/{name}/")
    with lab.fault("backend-down"):
        for line in (
            *("-av /none /srv/x", "-a no.invalid:/x .", "--nonsense", "-e false h:/x ."),
            *("-av rsync://127.0.0.1:9/x .", "-av /srv/app/data /proc/x"),
        ):
            lab.run("rsync", *line.split())
    with lab.fault("protocol-error"):
        for words in (b"GET / HTTP/1.0\r\n\r\n", b"@RSYNCD: 99.0\nnone\n", b"\xff" * 90):
            lab.talk(873, words)
    with lab.healthy():
        lab.stop(server)


def mosquitto(lab: Lab) -> None:
    """Mosquitto: MQTT clients good and broken, refused logins, bad certificates and settings."""
    cert, _key = lab.certificate()
    text = (
        "listener 1883 127.0.0.1\nlog_type all\nlog_dest stdout\nallow_anonymous %s\n"
        "password_file /srv/app/pw\n"
        "acl_file /srv/app/acl\npersistence true\npersistence_location /srv/app/\n"
        "log_timestamp_format %%Y-%%m-%%dT%%H:%%M:%%S\n"
        "user root\nmax_connections 6\nmax_packet_size 4000\n"
    )
    lab.write("acl", "user alice\ntopic read a/#\n")
    lab.run("mosquitto_passwd", "-b", "-c", lab.dir / "pw", "alice", "secret")
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense 1",
            "listener x",
            f"listener 8883\ncertfile {cert}\nkeyfile /none",
            "acl_file /none",
            "persistence maybe",
            "plugin /none.so",
            "password_file /none",
        ):
            lab.run(
                "mosquitto", "-v", "-c", lab.write("b.conf", f"{text % 'true'}{wrong}\n"), timeout=2
            )
    for anonymous in ("false", "true"):
        with lab.healthy():
            server = lab.start("mosquitto", "-v", "-c", lab.write("m.conf", text % anonymous))
            lab.listening(1883)
            for number, extra in enumerate(
                ((), ("-q", "1"), ("-q", "2", "-r"), ("-V", "5"), ("-i", "meter"))
            ):
                lab.run(
                    "mosquitto_pub",
                    "-d",
                    "-u",
                    "alice",
                    "-P",
                    "secret",
                    "-t",
                    f"a/{number}",
                    "-m",
                    "21.5",
                    *extra,
                    timeout=3,
                )
            lab.run(
                "mosquitto_sub",
                "-d",
                "-u",
                "alice",
                "-P",
                "secret",
                "-t",
                "a/#",
                "-W",
                "1",
                timeout=3,
            )
        lab.run("mosquitto", "-v", "-c", lab.dir / "m.conf", timeout=2)
        reader = lab.start(
            "mosquitto_sub", "-d", "-t", "a/#", "-u", "alice", "-P", "secret", "-k", "5"
        )
        for words in (
            (),
            ("-u", "alice", "-P", "secret"),
            ("-u", lab.user(), "-P", "x"),
            ("-q", "2", "-r"),
            ("-V", "5", "-x", "3"),
            ("-i", "same", "--will-topic", "w", "--will-payload", "x"),
        ):
            lab.run(
                "mosquitto_pub", "-d", "-t", f"a/{lab.user()}", "-m", "x" * 50, *words, timeout=3
            )
        lab.run("mosquitto_pub", "-d", "-t", "a/#", "-m", "x")
        lab.run("mosquitto_pub", "-d", "-t", "a/b", "-m", "x" * 9000, timeout=3)
        with lab.fault("protocol-error"):
            for junk in (
                b"GET / HTTP/1.0\r\n\r\n",
                b"\x10\x05abcde",
                b"\x10\x0c\0\4MQTT\x09\2\0\1\0\0",
                b"\xf0\0",
                b"\x10\xff\xff\xff\xff\xff",
            ):
                lab.talk(1883, junk)
        with lab.fault("connection-flood"):
            lab.crowd(1883, 12)
        lab.stop(reader, 9)
        lab.stop(server)
    lab.write("mosquitto.db", lab.rng.randbytes(400))
    lab.run("mosquitto", "-v", "-c", lab.dir / "m.conf", timeout=2)


def openvpn(lab: Lab) -> None:
    """OpenVPN: peers that don't answer, bad keys and options, no tun device."""
    cert, key = lab.certificate()
    other, _ = lab.certificate("other")
    tls = ("--ca", str(cert), "--cert", str(cert), "--key", str(key), "--dh", "none")
    common = (
        "--dev",
        "null",
        "--verb",
        "3",
        "--proto",
        "udp",
        "--port",
        "1194",
        "--local",
        "127.0.0.1",
    )
    server = lab.start(
        "openvpn", *common, *tls, "--tls-server", "--ifconfig", "10.8.0.1", "10.8.0.2"
    )
    lab.pause(1)
    client = (
        "--dev",
        "null",
        "--verb",
        "3",
        "--remote",
        "127.0.0.1",
        "1194",
        "--nobind",
        "--tls-client",
    )
    lab.run("openvpn", *client, *tls[:-2], timeout=3)
    lab.run("openvpn", *client, "--ca", other, *tls[2:-2], timeout=3)
    lab.run(
        "openvpn", *client, *tls[:-2], "--cipher", "none", "--remote-cert-tls", "server", timeout=3
    )
    for _ in range(4):
        lab.talk(1194, lab.rng.randbytes(60), kind="udp")
    with lab.fault("bad-config"):
        for wrong in (
            ("--nonsense",),
            ("--port", "x"),
            ("--ca", "/none"),
            ("--dev", "tun9", "--ifconfig", "x", "y"),
            ("--cipher", "ROT13"),
            ("--config", "/none"),
            ("--proto", "tcp-client", "--remote", "127.0.0.1", "9", "--connect-timeout", "1"),
            ("--user", "nobody9"),
            ("--remote", "no.invalid"),
        ):
            lab.run("openvpn", *common, *wrong, timeout=2)
    lab.run("openvpn", *common, *tls, "--tls-server", timeout=2)
    lab.signal_named("openvpn", 10)
    lab.pause(1)
    lab.stop(server)


SERVICES = (
    Service("proftpd", ("proftpd-core",), proftpd, 75),
    Service("rsync", ("rsync",), rsync, 90),
    Service("mosquitto", ("mosquitto", "mosquitto-clients"), mosquitto, 90),
    Service("openvpn", ("openvpn",), openvpn, 75),
)
