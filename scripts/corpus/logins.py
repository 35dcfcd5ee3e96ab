"""File shares, RADIUS, and small daemons that are scanned as strangers would do."""

from pathlib import Path

from corpus.hosts import PLAIN
from corpus.lab import Lab, Service


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
    with lab.fault("bad-config"):
        for wrong in ("nonsense = 1\n", "[x\n", "security = none\n", "max log size = x\n"):
            lab.run("testparm", "-s", lab.write("b.conf", text % 1 + wrong))
    for level in (1, 2, 3):
        lab.write("/etc/samba/smb.conf", text % level)
        with lab.healthy():
            server = lab.start(
                "smbd", "-F", "--no-process-group", "--debug-stdout", "-d", str(level)
            )
            lab.pause(2)
        other = lab.start("nmbd", "-F", "--no-process-group", "--debug-stdout", "-d", str(level))
        lab.listening(445)
        with lab.fault("refused-login"):
            for share in ("data", "gone", "none", "ro"):
                target, who = f"//127.0.0.1/{share}", f"{lab.user()}%wrong"
                lab.run("smbclient", target, "-U", who, "-c", "ls", timeout=4)
                lab.run("smbclient", "-N", target, "-c", "ls", timeout=4)
        with lab.fault("protocol-error"):
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
        with lab.healthy():
            server = lab.start("freeradius", *flags)
            lab.pause(4)
            for _ in range(3):
                lab.run(
                    "radtest",
                    "-t",
                    "pap",
                    "alice",
                    "secret",
                    "127.0.0.1",
                    "0",
                    "testing123",
                    timeout=5,
                )
        with lab.fault("refused-login"):
            for user, secret in ((lab.user(), "testing123"), ("bob", "wrong"), ("eve", "x")):
                words = (user, "secret", "127.0.0.1", "0", secret)
                lab.run("radtest", "-t", "pap", *words, timeout=4)
        with lab.fault("port-in-use"):
            lab.run("freeradius", *flags, timeout=4)
        with lab.fault("protocol-error"):
            for junk in (b"", b"\1\1\0\x14" + bytes(16), lab.rng.randbytes(50)):
                lab.talk(1812, junk, kind="udp")
        lab.stop(server)
    with lab.fault("bad-config"):
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
    Service("samba", ("samba", "smbclient"), samba, 100),
    Service("freeradius", ("freeradius", "freeradius-utils"), freeradius, 90),
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
