"""What keeps a host up: packages, units, disks, bans, time and watch over processes."""

import time

from corpus.lab import LEVELS, Lab, Service


def packages(lab: Lab) -> None:
    """dpkg and apt: this machine's own logs, broken archives, missing sources, bad packages."""
    lab.collect("/var/log/dpkg.log", "/var/log/alternatives.log", "/var/log/apt/*.log")
    lab.write(
        "sources.list",
        "deb http://127.0.0.1:9/debian stable main\n"
        "deb http://no.invalid/debian x main\ndeb [nonsense http://x y\n",
    )
    own = (
        "-o",
        f"Dir::Etc::SourceList={lab.dir}/sources.list",
        "-o",
        "Dir::Etc::SourceParts=/none",
    )
    lab.run("apt-get", *own, "update", timeout=15)
    good = "deb http://127.0.0.1:9/debian stable main\ndeb http://no.invalid/debian x main\n"
    lab.write("sources.list", good)
    lab.run("apt-get", *own, "-o", "Acquire::Retries=0", "update", timeout=15)
    for words in (
        ("install", "nothing-such"),
        ("install", "-s", "bash=99"),
        ("remove", "-s", "libc6"),
        ("check",),
        ("source", "x"),
        ("install", "-s", "exim4", "postfix"),
    ):
        lab.run("apt-get", *words)
    lab.write("broken.deb", b"!<arch>\ndebian-binary   1 2 3 4 5\n")
    for words in (
        ("-i", "/srv/app/broken.deb"),
        ("-r", "nothing"),
        ("-i", "/none.deb"),
        ("--configure", "nothing"),
        ("-L", "nothing"),
        ("--nonsense",),
        ("-V", "tzdata"),
    ):
        lab.run("dpkg", *words)
    control = (
        "Package: lab\nVersion: %s\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: x\n"
    )
    for number, extra in enumerate(("Depends: nothing (>= 2)\n", "Conflicts: base-files\n", "")):
        lab.write("deb/DEBIAN/control", control % f"1.{number}" + extra)
        lab.write("deb/DEBIAN/postinst", "#!/bin/sh\necho configuring; exit 4\n", 0o755)
        lab.write("deb/etc/hostname", "clash\n")
        lab.run("dpkg-deb", "--build", lab.dir / "deb", lab.dir / "x.deb")
        lab.run("dpkg", "-D3", "-i", lab.dir / "x.deb")
    lab.run("dpkg", "--audit")
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


def systemd(lab: Lab) -> None:
    """systemd's tools on broken units, temporary files, users, timers and mounts."""
    for number, text in enumerate(UNITS):
        unit = lab.write(f"units/lab{number}.service", text)
        lab.run("systemd-analyze", "verify", "--man=no", unit)
    for kind, text in (
        ("timer", "[Timer]\nOnCalendar=yesterdayish\nOnBootSec=x\n"),
        ("mount", "[Mount]\nWhat=/dev/none\nWhere=/else\n"),
        ("socket", "[Socket]\nListenStream=nowhere:99999\n"),
        ("path", "[Path]\nPathExists=relative\n"),
        ("slice", "[Slice]\nCPUWeight=x\n"),
    ):
        lab.run("systemd-analyze", "verify", "--man=no", lab.write(f"units/odd.{kind}", text))
    env = {"SYSTEMD_LOG_LEVEL": "debug"}
    rules = lab.write("lab.conf", TMPFILES)
    for settings in ({}, env):
        lab.run("systemd-tmpfiles", "--create", "--remove", rules, env=settings)
        lab.run(
            "systemd-sysusers",
            lab.write("u.conf", "u root 0\nu x! -\nu lab9 7\nm a b\ng q z\nk\n"),
            env=settings,
        )
        lab.run("systemd-analyze", "calendar", "Mon *-*-* 99:00", env=settings)
        lab.run("systemctl", "start", "nginx", env=settings)
        lab.run(
            "journalctl", "--file", lab.write("bad.journal", b"LPKSHHRH" + bytes(400)), env=settings
        )
        lab.run("journalctl", "--verify", "--directory", lab.dir, env=settings)
        lab.run("hostnamectl", env=settings)
        lab.run("systemd-nspawn", "-D", "/none", env=settings)
        lab.run("systemd-detect-virt", env=settings)
        lab.run("/lib/systemd/systemd-journald", timeout=3, env=settings)
        lab.run("/lib/systemd/systemd-logind", timeout=3, env=settings)
        lab.run(
            "/lib/systemd/systemd-sysctl", lab.write("s.conf", "kernel.none=1\nx\n"), env=settings
        )
        lab.run("/lib/systemd/systemd-modules-load", env=settings)
        lab.run("udevadm", "test", "/sys/class/net/lo", env=settings)
        lab.run("/lib/systemd/systemd-fsck", "/dev/none", env=settings)
        lab.run(
            "/lib/systemd/system-generators/systemd-fstab-generator",
            *[lab.dir] * 3,
            env={**settings, "SYSTEMD_FSTAB": str(lab.write("fstab", "x\n/dev/a / ext4 bad\n"))},
        )


def disks(lab: Lab) -> None:
    """File systems, LVM, RAID and SMART tools on healthy, damaged and missing devices."""
    image = lab.dir / "disk.img"
    makers = (
        (("mkfs.ext4", "-F"), ("e2fsck", "-fyv")),
        (("mkfs.xfs", "-f"), ("xfs_repair", "-n"), ("xfs_repair", "-v")),
        (("mkfs.btrfs", "-f"), ("btrfs", "check", "--force"), ("btrfs", "rescue", "super-recover")),
    )
    for make, *checks in makers:
        for place, size in ((1024, 900), (5_000_000, 90_000), (65536, 4096), (1 << 20, 1 << 21)):
            image.write_bytes(bytes(8 << 20))
            with image.open("r+b") as file:
                file.truncate(310 << 20)
            lab.run(*make, image, keep=place == 1024)
            with image.open("r+b") as file:
                file.seek(place)
                file.write(lab.rng.randbytes(size))
            for check in checks:
                lab.run(*check, image, timeout=8)
    for words in (
        ("mkfs.ext4", "/none"),
        ("mkfs.ext4", "-b", "3", "/dev/null"),
        ("resize2fs", "/none"),
        ("mount", "-o", "loop", image, "/mnt"),
        ("mount", "/dev/none", "/mnt"),
        ("mount", "-t", "nofs", "none", "/mnt"),
        ("umount", "/none"),
        ("swapon", image),
        ("fsck", "-N", "-A"),
        ("blkid", "-p", image),
        ("mdadm", "--examine", image),
        ("mdadm", "--assemble", "--scan", "-v"),
        ("mdadm", "--create", "/dev/md0", "-l1", "-n2", image, image),
        ("mdadm", "--detail", "/dev/md0"),
        ("smartctl", "-a", "/dev/sda"),
        ("smartctl", "--scan", "-r", "ioctl"),
        ("smartctl", "-t", "x", "/dev/null"),
        ("cryptsetup", "open", image, "x"),
        ("dmsetup", "table"),
        ("badblocks", "-sv", image),
    ):
        lab.run(*words, timeout=5)
    lab.run(
        "smartd",
        "-d",
        "-q",
        "onecheck",
        "-c",
        lab.write("smartd.conf", "/dev/sda -a\nDEVICESCAN -x\n/dev/none -H -m root\n"),
        timeout=4,
    )
    for words in (
        ("pvcreate", "-vvv", image),
        ("vgs", "-vvvv"),
        ("vgcreate", "-vv", "v", "/none"),
        ("lvcreate", "-L", "9q", "v"),
        ("vgchange", "-ay", "-vv", "none"),
        ("pvscan", "-vv"),
        ("lvs", "none/x"),
        ("vgck", "-vv"),
        ("vgcfgrestore", "-v", "none"),
    ):
        lab.run(*words)
    lab.run("lvs", "--config", "devices { dir = 5 nonsense }")


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
        process = lab.start(*server[:2], "--loglevel", level, *server[2:])
        lab.pause(3)
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
        log.unlink()
        lab.pause(2.5)
        log.write_text("")
        lab.run("fail2ban-client", "stop", timeout=5)
        lab.stop(process)
    lab.write("/etc/fail2ban/jail.d/x.local", "[gone]\nenabled = true\nfilter = none\nlogpath=/n\n")
    lab.run(*server, timeout=3)
    lab.write("/etc/fail2ban/jail.d/x.local", "[broken\n")
    lab.run(*server, timeout=3)


BAD = ("203.0.113.5", "198.51.100.77", "192.0.2.14", "2001:db8::bad")


def chrony(lab: Lab) -> None:
    """chronyd without a reachable server, with bad directives and a broken drift file."""
    lab.folder("/run/chrony", "_chrony").chmod(0o700)
    lab.syslog(LEVELS)
    text = (
        "server 127.0.0.1 port 9 iburst\npool no.invalid\n"
        "driftfile /srv/app/state/drift\nkeyfile /none\n"
    )
    lab.write("state/drift", "nonsense\n")
    lab.folder("state", "_chrony")
    lab.run("chronyd", "-x", "-d", "-f", lab.write("c.conf", text), timeout=4)
    lab.run("chronyd", "-x", "-d", "-L", "-1", "-f", lab.write("c.conf", text), timeout=3)
    lab.start("chronyd", "-x", "-n", "-f", lab.write("c.conf", text))
    for wrong in ("nonsense 1", "server", "makestep x", "leapsectz None/None", "allow 1.2.3.4.5"):
        lab.run("chronyd", "-x", "-d", "-f", lab.write("b.conf", wrong + "\n"), timeout=2)
    for words in (("online",), ("none",), ("burst", "1/1"), ("nonsense",)):
        lab.run("chronyc", *words, timeout=3)


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
    for wrong in ("nonsense\n", "check file\n", "set daemon x\n", "include /none/*\n"):
        lab.run("monit", "-t", "-c", lab.write("b.rc", wrong, 0o600), timeout=3)
    lab.write("data", "x")
    server = lab.start("monit", "-I", "-vv", "-c", lab.write("m.rc", text, 0o600))
    for size in (10, 500):
        lab.pause(3)
        lab.write("data", "y" * size)
        lab.write("web.pid", str(999_000 + size))
    lab.pause(2)
    lab.stop(server)


SERVICES = (
    Service("packages", ("dpkg", "apt"), packages),
    Service("systemd", ("systemd",), systemd),
    Service(
        "disks", ("e2fsprogs", "xfsprogs", "btrfs-progs", "lvm2", "mdadm", "smartmontools"), disks
    ),
    Service("fail2ban", ("fail2ban",), fail2ban),
    Service("chrony", ("chrony", "rsyslog"), chrony),
    Service("monit", ("monit",), monit),
)
