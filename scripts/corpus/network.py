"""Files, messages, tunnels and logins: the daemons that talk to strangers."""

from pathlib import Path

from corpus.hosts import PLAIN
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
        server = lab.start("proftpd", "-n", "-c", lab.write("p.conf", text % level))
        lab.listening(21)
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
    server = lab.start("rsync", "--daemon", "--no-detach", "--port=873", "--config=/srv/app/conf")
    lab.listening(873)
    lab.run("rsync", "--daemon", "--no-detach", "--port=873", "--config=/srv/app/conf", timeout=2)
    for name in ("data", "gone", "shut", "deny", "none", "full", "data/none"):
        for flags in (("-av",), ("-avvv", "--delete")):
            lab.run(
                "rsync",
                *flags,
                f"rsync://alice@127.0.0.1/{name}/",
                lab.dir / "copy",
                env={"RSYNC_PASSWORD": "y"},
            )
        lab.run("rsync", "-av", lab.dir / "data/", f"rsync://127.0.0.1/{name}/")
    for words in (
        ("-av", "/none", "/srv/x"),
        ("-a", "no.invalid:/x", "."),
        ("--nonsense",),
        ("-e", "false", "h:/x", "."),
        ("-av", "rsync://127.0.0.1:9/x", "."),
        ("-av", "/srv/app/data", "/proc/x"),
    ):
        lab.run("rsync", *words)
    lab.talk(873, b"GET / HTTP/1.0\r\n\r\n")
    lab.talk(873, b"@RSYNCD: 99.0\nnone\n")
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
        server = lab.start("mosquitto", "-v", "-c", lab.write("m.conf", text % anonymous))
        lab.listening(1883)
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
        for junk in (
            b"GET / HTTP/1.0\r\n\r\n",
            b"\x10\x05abcde",
            b"\x10\x0c\0\4MQTT\x09\2\0\1\0\0",
            b"\xf0\0",
            b"\x10\xff\xff\xff\xff\xff",
        ):
            lab.talk(1883, junk)
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


def samba(lab: Lab) -> None:
    """smbd, nmbd and clients: refused logins, missing shares, broken databases."""
    text = (
        "[global]\nworkgroup = LAB\nlog level = %d\nlog file = /var/log/samba/lab.log\n"
        "interfaces = lo\n"
        "bind interfaces only = yes\nsmb ports = 445\nmap to guest = Never\n[data]\n"
        "path = /srv/app/data\n"
        "[gone]\npath = /none\nguest ok = yes\n[ro]\npath = /srv\nvalid users = alice\n"
    )
    lab.folder("data")
    lab.folder("/var/log/samba")
    lab.folder("/run/samba")
    lab.collect("/var/log/samba/lab*", "/var/log/samba/log.*")
    for wrong in ("nonsense = 1\n", "[x\n", "security = none\n", "max log size = x\n"):
        lab.run("testparm", "-s", lab.write("b.conf", text % 1 + wrong))
    for level in (1, 2, 3):
        lab.write("/etc/samba/smb.conf", text % level)
        server = lab.start("smbd", "-F", "--no-process-group", "--debug-stdout", "-d", str(level))
        other = lab.start("nmbd", "-F", "--no-process-group", "--debug-stdout", "-d", str(level))
        lab.listening(445)
        for share in ("data", "gone", "none", "ro"):
            lab.run(
                "smbclient",
                f"//127.0.0.1/{share}",
                "-U",
                f"{lab.user()}%wrong",
                "-c",
                "ls",
                timeout=4,
            )
            lab.run("smbclient", "-N", f"//127.0.0.1/{share}", "-c", "ls", timeout=4)
        lab.talk(445, b"GET / HTTP/1.0\r\n\r\n")
        lab.talk(445, b"\0\0\0\x20\xfeSMB" + lab.rng.randbytes(28))
        lab.talk(445, b"\0\0\0\x20\xffSMB" + bytes(28))
        lab.stop(server)
        lab.stop(other)
    lab.write("/var/lib/samba/private/secrets.tdb", lab.rng.randbytes(900))
    lab.run("smbd", "-F", "--no-process-group", "--debug-stdout", timeout=3)


def freeradius(lab: Lab) -> None:
    """FreeRADIUS -X: accepted and rejected users, wrong secrets, broken configuration."""
    conf = Path("/etc/freeradius/3.0")
    users = conf / "mods-config/files/authorize"
    users.write_text('alice Cleartext-Password := "secret"\n' + users.read_text())
    for flags in (("-X",), ("-fl", "stdout", "-xx")):
        server = lab.start("freeradius", *flags)
        lab.pause(4)
        for user, secret in (("alice", "testing123"), (lab.user(), "testing123"), ("bob", "wrong")):
            lab.run("radtest", "-t", "pap", user, "secret", "127.0.0.1", "0", secret, timeout=5)
        lab.run("freeradius", *flags, timeout=4)
        for junk in (b"", b"\1\1\0\x14" + bytes(16), lab.rng.randbytes(50)):
            lab.talk(1812, junk, kind="udp")
        lab.stop(server)
    users.write_text("broken :=\n" + users.read_text())
    lab.run("freeradius", "-X", timeout=4)
    (conf / "clients.conf").write_text("client x {\n ipaddr = nonsense\n}\n")
    lab.run("freeradius", "-XC", timeout=4)


def misc(lab: Lab) -> None:
    """tor, coturn, prosody, snmpd, collectd, cupsd, wpa_supplicant, keepalived, bird, charon."""
    lab.syslog(PLAIN)
    scan(
        lab,
        ("tor", "--DataDirectory", str(lab.folder("tor")), "--SocksPort", "9050"),
        9050,
        ("--Nonsense", "1"),
        ("--SocksPort", "x"),
        ("--User", "nobody9"),
        ("--Log", "debug stdout"),
    )
    scan(
        lab,
        ("turnserver", "-v", "--log-file", "stdout", "-L", "127.0.0.1", "-n", "--no-cli"),
        3478,
        ("--cert", "/none"),
        ("--listening-port", "x"),
        ("--lt-cred-mech", "-u", "a:b", "-r", "x"),
    )
    scan(
        lab,
        (
            "snmpd",
            "-f",
            "-Le",
            "-C",
            "-c",
            str(lab.write("snmp", "rocommunity x\nnonsense\n")),
            "tcp:127.0.0.1:161",
        ),
        161,
        ("-Dusm",),
        ("-x", "y"),
        ("tcp:8.8.8.8:161",),
    )
    lab.write(
        "cups.conf",
        "Listen 127.0.0.1:631\nLogLevel debug2\nNonsense on\n<Location />\nOrder deny,allow\n"
        "</Location>\n<Policy x\n",
    )
    lab.collect("/var/log/cups/*", "/var/log/prosody/*")
    scan(lab, ("cupsd", "-f", "-c", "/srv/app/cups.conf"), 631, ("-t",), ("-s", "/none"))
    lab.write(
        "c.conf",
        "Hostname lab\nLoadPlugin none\nLoadPlugin cpu\nLoadPlugin logfile\n<Plugin logfile>\n"
        "LogLevel info\nFile STDOUT\n</Plugin>\nLoadPlugin ping\n<Plugin network>\n"
        'Server "x"\n</Plugin>\nInterval x\n',
    )
    scan(lab, ("collectd", "-f", "-C", "/srv/app/c.conf"), 0, ("-C", "/none"))
    lab.write("wpa.conf", 'network={\nssid="x"\npsk="short"\nnonsense=1\n}\n')
    scan(
        lab,
        ("wpa_supplicant", "-dd", "-t", "-i", "wlan0", "-c", "/srv/app/wpa.conf"),
        0,
        ("-D", "none"),
        ("-i", "lo", "-D", "wired"),
    )
    scan(
        lab,
        ("hostapd", "-dd", str(lab.write("ap", "interface=wlan0\ndriver=nl80211\nssid=x\nbad\n"))),
        0,
    )
    lab.write(
        "ka.conf",
        "vrrp_instance a {\n interface eth9\n virtual_router_id 999\n nonsense\n"
        " virtual_ipaddress {\n 1.2.3\n }\n}\nvirtual_server 127.0.0.1 80 {\n"
        " real_server 127.0.0.1 9 {\n"
        "  TCP_CHECK {\n connect_timeout 1\n }\n }\n}\n",
    )
    scan(
        lab, ("keepalived", "-n", "-l", "-D", "-f", "/srv/app/ka.conf"), 0, ("-f", "/none"), ("-t",)
    )
    lab.write(
        "bird.conf",
        "log stderr all;\nrouter id 1.2.3.4;\nprotocol device {}\nprotocol bgp a {\n local as 1;\n"
        " neighbor 127.0.0.1 as 2;\n ipv4 {};\n}\n",
    )
    scan(lab, ("bird", "-d", "-f", "-c", "/srv/app/bird.conf"), 179, ("-c", "/none"), ("-p",))


def scan(lab: Lab, argv: tuple[str, ...], port: int, *variants: tuple[str, ...]) -> None:
    """Run a daemon, send it junk, run it a second time beside itself, then in its variants."""
    try:
        server = lab.start(*argv)
    except OSError:
        return
    if port:
        lab.listening(port, 3)
    lab.run(*argv, timeout=1)
    for junk in (
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\5\1\0",
        b"\x16\x03\x01",
        lab.rng.randbytes(90),
    ):
        lab.talk(port, junk) if port else None
        lab.talk(port, junk, kind="udp") if port else None
    lab.pause(0.5)
    lab.signal_named(Path(argv[0]).name[:15], 1)
    lab.pause(0.5)
    lab.stop(server)
    for extra in variants:
        lab.run(*argv, *extra, timeout=1.5)


SERVICES = (
    Service("proftpd", ("proftpd-core",), proftpd),
    Service("rsync", ("rsync",), rsync),
    Service("mosquitto", ("mosquitto", "mosquitto-clients"), mosquitto),
    Service("openvpn", ("openvpn",), openvpn),
    Service("samba", ("samba", "smbclient"), samba, 60),
    Service("freeradius", ("freeradius", "freeradius-utils"), freeradius),
    Service(
        "daemons",
        (
            "rsyslog",
            "tor",
            "coturn",
            "snmpd",
            "cups-daemon",
            "collectd-core",
            "wpasupplicant",
            "hostapd",
            "keepalived",
            "bird2",
        ),
        misc,
        60,
    ),
)
