"""What keeps a host up: packages, units, disks, bans, time and watch over processes."""

import time

from corpus.hosts import PLAIN
from corpus.lab import Lab, Service


def packages(lab: Lab) -> None:
    """dpkg and apt: this machine's own logs; broken archives, missing sources, bad packages."""
    sources = lab.write("sources.list", "")
    own = ("-o", f"Dir::Etc::SourceList={sources}", "-o", "Dir::Etc::SourceParts=/none")
    control = (
        "Package: lab%s\nVersion: %s\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n"
    )
    with lab.healthy():
        for log in ("/var/log/dpkg.log", "/var/log/alternatives.log", "/var/log/apt/history.log"):
            lab.run("sh", "-c", f"grep -vi error {log} | tail -n 4000")
        for name in ("a", "b", "c"):
            lab.write("fine/DEBIAN/control", control % (name, "1.0"))
            lab.write("fine/DEBIAN/postinst", "#!/bin/sh\necho ready\n", 0o755)
            lab.write(f"fine/etc/lab-{name}/conf", "x\n")
            lab.run("dpkg-deb", "--build", lab.dir / "fine", lab.dir / "f.deb")
            for words in (("-i", "f.deb"), ("-D3", "-i", "f.deb"), ("-s", f"lab{name}")):
                lab.run("dpkg", *words)
            lab.run("dpkg", "-P", f"lab{name}")
        for line in (
            "update",
            "check",
            "install -s bash",
            "autoremove -s",
            "clean",
            "upgrade -s -q",
        ):
            lab.run("apt-get", *own, *line.split(), timeout=15)
        for line in ("policy bash", "show bash", "depends bash"):
            lab.run("apt-cache", *own, *line.split())
    bad = "deb http://127.0.0.1:9/debian stable main\ndeb http://no.invalid/debian x main\n"
    with lab.fault("backend-down"):
        for text in (bad + "deb [nonsense http://x y\n", bad):
            sources.write_text(text)
            lab.run("apt-get", *own, "-o", "Acquire::Retries=0", "update", timeout=15)
    with lab.fault("bad-package"):
        for line in (
            "install nothing-such",
            "install -s bash=99",
            "source x",
            "remove nothing-such",
        ):
            lab.run("apt-get", *line.split())
        lab.write("broken.deb", b"!<arch>\ndebian-binary   1 2 3 4 5\n")
        for line in (
            "-i broken.deb",
            "-r nothing",
            "-i /none.deb",
            "--configure nothing",
            "--nonsense",
        ):
            lab.run("dpkg", *line.split())
        extras = ("Depends: nothing (>= 2)\n", "Conflicts: base-files\n", "")
        for number, extra in enumerate(extras):
            lab.write("deb/DEBIAN/control", control % ("", f"1.{number}") + extra)
            lab.write("deb/DEBIAN/postinst", "#!/bin/sh\necho configuring; exit 4\n", 0o755)
            lab.write("deb/etc/hostname", "clash\n")
            lab.run("dpkg-deb", "--build", lab.dir / "deb", lab.dir / "x.deb")
            lab.run("dpkg", "-D3", "-i", lab.dir / "x.deb")
        lab.run("dpkg", "--audit")
    with lab.fault("damaged-state"):
        lab.write("/var/lib/dpkg/status", "Package: \nnonsense\n")
        lab.run("dpkg", "-l")
        lab.run("apt-get", "check")


UNITS = (
    "[Service]\nExecStart=/none/daemon\n",
    "[Service]\nExecStart=relative\nType=odd\nRestart=perhaps\nMemoryMax=lots\nUser=\n",
    "[Unit]\nRequires=none.service x y.target\nAfter=lab1.service\n[Service]\n"
    "ExecStart=/bin/true\n",
    "[Nonsense]\nx=y\n[Service]\nnokey\n[Unclosed\n",
    "[Unit]\nBefore=lab4.service\nAfter=lab4.service\n[Service]\nType=oneshot\n",
    "[Service]\nExecStart=/bin/sh -c '\nTimeoutSec=5 apples\nEnvironment=1A=b\nNice=99\n",
    "[Service]\nExecStart=/bin/true\nCapabilityBoundingSet=CAP_X\nSystemCallFilter=@none open\n"
    "StandardOutput=syslog\nKillMode=none\nLimitNOFILE=x\nPIDFile=/var/run/x.pid\n",
)


TMPFILES = (
    "d /run/lab 9755 root root -\nq\nd relative 0755\nx\n"
    "d /run/lab2 0755 nobody9 nogroup9 5q\nL /run/lab/link - - - - /none\n"
    "z /etc/shadow 0640 root nobody9\nC /run/lab/copy - - - - /none\nf /run/lab/a/b/c 0644\n"
    "p /run/lab 0600\nv /none/x 0755\nw /proc/none - - - - 1\na /run/lab - - - - x:y\n"
)


FINE_UNIT = (
    "[Unit]\nDescription=x\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
)
FINE_FILES = "d /run/fine 0755 root root -\nf /run/fine/a 0644 - - - x\nL /run/fine/l - - - - a\n"


def systemd(lab: Lab) -> None:
    """systemd's tools on good and broken units, temporary files, users, timers and mounts."""
    for env in ({}, {"SYSTEMD_LOG_LEVEL": "debug"}):
        with lab.healthy():
            fine = lab.write("units/fine.service", FINE_UNIT)
            lab.write("u.conf", 'u fine - "x"\ng team -\n')
            lab.write("f.conf", FINE_FILES)
            for line in (
                *(
                    "systemd-tmpfiles --create /srv/app/f.conf",
                    "systemd-tmpfiles --clean /srv/app/f.conf",
                ),
                *(
                    "systemd-sysusers /srv/app/u.conf",
                    "systemd-tmpfiles --remove /srv/app/f.conf",
                    "systemd-id128 new",
                ),
                *(
                    "systemd-analyze calendar daily",
                    "systemd-analyze timespan 5min",
                    "systemd-path temporary",
                ),
                *("systemd-escape a/b", "systemd-detect-virt", "systemctl --version"),
            ):
                lab.run(*line.split(), env=env)
            lab.run("systemd-analyze", "verify", "--man=no", fine, env=env)
        with lab.fault("missing-device"):
            for line in (
                *("systemctl start nginx", "hostnamectl", "systemd-nspawn -D /none"),
                *("/lib/systemd/systemd-journald", "/lib/systemd/systemd-logind"),
                *("/lib/systemd/systemd-fsck /dev/none", "udevadm test /sys/class/net/none"),
                *("journalctl --verify --directory .", "/lib/systemd/systemd-modules-load"),
            ):
                lab.run(*line.split(), env=env, timeout=3)
            bad = lab.write("bad.journal", b"LPKSHHRH" + bytes(400))
            lab.run("journalctl", "--file", bad, env=env)
        with lab.fault("bad-config"):
            for number, text in enumerate(UNITS):
                unit = lab.write(f"units/lab{number}.service", text)
                lab.run("systemd-analyze", "verify", "--man=no", unit, env=env)
            lab.run("systemd-tmpfiles", "--create", lab.write("lab.conf", TMPFILES), env=env)
            users = lab.write("bad.conf", "u root 0\nu x! -\nu lab9 7\nm a b\ng q z\nk\n")
            lab.run("systemd-sysusers", users, env=env)
            lab.run("systemd-analyze", "calendar", "Mon *-*-* 99:00", env=env)
            settings = lab.write("s.conf", "kernel.none=1\nx\n")
            lab.run("/lib/systemd/systemd-sysctl", settings, env=env)


def fail2ban(lab: Lab) -> None:
    """fail2ban banning, unbanning, failing at its actions and at bad jails."""
    lab.folder("/var/run/fail2ban")
    lab.write("/etc/fail2ban/jail.d/defaults-debian.conf", "[sshd]\nenabled = false\n")
    lab.write(
        "/etc/fail2ban/jail.d/lab.local",
        (
            "[DEFAULT]\nbanaction = iptables-multiport\nbackend = polling\nbantime = 3\n"
            "maxretry = 2\n"
            "[lab]\nenabled = true\nlogpath = /srv/app/auth.log\nport = 22\nfilter = sshd\n"
            "[gone]\nenabled = false\nfilter = none\nlogpath = /none\n"
        ),
    )
    log = lab.write("auth.log", "")
    lab.collect("/var/log/f2b.log")
    server = ("fail2ban-server", "-f", "--logtarget", "/var/log/f2b.log", "start")
    for level in ("DEBUG", "INFO"):
        with lab.healthy():
            process = lab.start(*server[:2], "--loglevel", level, *server[2:])
            lab.pause(3)
            for fine in (
                "status",
                "ping",
                "status lab",
                "get lab maxretry",
                "set lab findtime 600",
            ):
                lab.run("fail2ban-client", *fine.split(), timeout=5)
        for _ in range(14):
            stamp = time.strftime("%b %d %H:%M:%S")
            line = (
                f"{stamp} h sshd[7]: Failed password for {lab.user()} from "
                f"{lab.rng.choice(BAD)} port 4 ssh2\n"
            )
            with log.open("a") as file:
                file.write(line)
            lab.pause(0.25)
        for words in (
            ("status", "lab"),
            ("set", "lab", "banip", "203.0.113.9"),
            ("reload",),
            ("set", "none", "banip", "1.2.3.4"),
            ("nonsense",),
            ("set", "lab", "bantime", "x"),
        ):
            lab.run("fail2ban-client", *words, timeout=5)
        with lab.fault("missing-log"):
            log.unlink()
            lab.pause(2.5)
        log.write_text("")
        lab.run("fail2ban-client", "stop", timeout=5)
        lab.stop(process)
    with lab.fault("bad-config"):
        for text in ("[gone]\nenabled = true\nfilter = none\nlogpath=/n\n", "[broken\n"):
            lab.write("/etc/fail2ban/jail.d/x.local", text)
            lab.run(*server, timeout=3)


BAD = ("203.0.113.5", "198.51.100.77", "192.0.2.14", "2001:db8::bad")


def chrony(lab: Lab) -> None:
    """chronyd without a reachable server, with bad directives and a broken drift file."""
    lab.folder("/run/chrony", "_chrony").chmod(0o700)
    lab.syslog(PLAIN)
    text = (
        "server 127.0.0.1 port 9 iburst\npool no.invalid\n"
        "driftfile /srv/app/state/drift\nkeyfile /none\n"
    )
    lab.write("state/drift", "nonsense\n")
    lab.folder("state", "_chrony")
    fine = lab.write("fine.conf", "local stratum 8\nallow 127.0.0.0/8\nport 123\ncmdport 0\n")
    with lab.healthy():
        for flags in (("-d",), ("-d", "-L", "-1"), ("-n",)):
            server = lab.start("chronyd", "-x", *flags, "-f", fine)
            lab.pause(1.5)
            for words in (("tracking",), ("activity",), ("sources",), ("serverstats",)):
                lab.run("chronyc", *words, timeout=3)
            lab.stop(server)
    with lab.fault("backend-down"):
        lab.run("chronyd", "-x", "-d", "-f", lab.write("c.conf", text), timeout=4)
        lab.run("chronyd", "-x", "-d", "-L", "-1", "-f", lab.dir / "c.conf", timeout=3)
        lab.run("chronyd", "-x", "-n", "-f", lab.dir / "c.conf", timeout=3)
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense 1",
            "server",
            "makestep x",
            "leapsectz None/None",
            "allow 1.2.3.4.5",
        ):
            lab.run("chronyd", "-x", "-d", "-f", lab.write("b.conf", wrong + "\n"), timeout=2)
    for order in (("online",), ("none",), ("burst", "1/1"), ("nonsense",)):
        lab.run("chronyc", *order, timeout=3)


def monit(lab: Lab) -> None:
    """monit checking processes, ports, files and disks that are wrong or gone."""
    text = (
        "set daemon 1\nset log /var/log/monit.log\nset idfile /srv/app/id\n"
        "set statefile /srv/app/st\n"
        'check process web with pidfile /srv/app/web.pid\n start program = "/bin/false"\n'
        "check host db with address 127.0.0.1\n if failed port 9 then alert\n"
        "check file data with path /srv/app/data\n if changed checksum then alert\n"
        " if size > 100 B then alert\n if failed permission 600 then alert\n"
        "check filesystem root with path /srv\n if space usage > 0% then alert\n"
        "check program job with path /bin/false\n if status != 0 then alert\n"
        "check system lab\n if memory usage > 0% then alert\n if loadavg (1min) > 0 then alert\n"
    )
    lab.collect("/var/log/monit.log")
    with lab.fault("bad-config"):
        for wrong in ("nonsense\n", "check file\n", "set daemon x\n", "include /none/*\n"):
            lab.run("monit", "-t", "-c", lab.write("b.rc", wrong, 0o600), timeout=3)
    lab.write("data", "x")
    head = text[: text.index("check process")]
    fine = head + "check file data with path /srv/app/data\n if size > 9 MB then alert\n"
    fine += "check system lab\n if loadavg (1min) > 999 then alert\n"
    fine += "check program p with path /bin/true\n"
    with lab.healthy():
        server = lab.start("monit", "-I", "-vv", "-c", lab.write("f.rc", fine, 0o600))
        lab.pause(4)
        lab.stop(server)
    with lab.fault("failed-check"):
        server = lab.start("monit", "-I", "-vv", "-c", lab.write("m.rc", text, 0o600))
        for size in (10, 500):
            lab.pause(3)
            lab.write("data", "y" * size)
            lab.write("web.pid", str(999_000 + size))
        lab.pause(2)
        lab.stop(server)


SERVICES = (
    Service("packages", ("dpkg", "apt"), packages, 120),
    Service("systemd", ("systemd",), systemd, 90),
    Service("fail2ban", ("fail2ban",), fail2ban, 90),
    Service("chrony", ("chrony", "rsyslog"), chrony, 75),
    Service("monit", ("monit",), monit, 75),
)
