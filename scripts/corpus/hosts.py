"""What every host runs: remote login, syslog, cron, accounts, the kernel."""

import time

from corpus.lab import LEVELS, WORDS, Lab, Service

ISO = "%timestamp:::date-rfc3339% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%"
PLAIN = "%timegenerated% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg%"
RFC5424 = (
    "<%PRI%>1 %timegenerated:::date-rfc3339% %HOSTNAME% %app-name% %procid% %msgid% "
    "%structured-data%%msg:::sp-if-no-1st-sp%%msg%"
)
SSHD = """
Port 22
ListenAddress 127.0.0.1
HostKey /srv/app/host
PidFile /run/sshd-lab.pid
LogLevel %s
UsePAM %s
MaxAuthTries 2
MaxStartups 3:50:5
LoginGraceTime 2
DenyUsers bob
AllowUsers alice root bob git
PermitRootLogin no
AuthorizedKeysFile /srv/app/keys
Subsystem sftp internal-sftp -l VERBOSE
AllowTcpForwarding no
"""
SSH = (
    "ssh",
    "-F",
    "none",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "ConnectTimeout=2",
)


def sshd(lab: Lab) -> None:
    """sshd in five syslog formats, three without levels: sessions, then attacks and bad set-ups."""
    lab.folder("/run/sshd")
    for kind, name in (("ed25519", "host"), ("rsa", "good"), ("ecdsa", "bad")):
        lab.run("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", lab.dir / name)
    lab.write("keys", "nonsense\n" + (lab.dir / "good.pub").read_text())
    lab.run("useradd", "-m", "-d", "/srv/app/alice", "-s", "/bin/sh", "alice", keep=False)
    lab.run("useradd", "-s", "/bin/false", "git", keep=False)
    for level, pam, style in (
        ("VERBOSE", "yes", PLAIN),
        ("INFO", "no", PLAIN),
        ("DEBUG1", "yes", ISO),
        ("DEBUG3", "no", LEVELS),
        ("INFO", "yes", RFC5424),
    ):
        lab.syslog(style, f"/var/log/auth-{level}-{pam}.log")
        config = lab.write("sshd_config", SSHD % (level, pam))
        with lab.healthy():
            server = lab.start("/usr/sbin/sshd", "-D", "-f", config)
            lab.listening(22)
            _sessions(lab, level)
            lab.signal_named("sshd", 1)
            lab.pause(0.5)
        _knock(lab, level)
        with lab.healthy():
            _sessions(lab, "QUIET")
            lab.stop(server)
        lab.stop_all()
    with lab.fault("bad-config"):
        for wrong in ("Nonsense 1", "Port x", "HostKey /none", "Ciphers none", "UsePAM maybe"):
            text = SSHD % ("INFO", "no") + wrong
            lab.run("/usr/sbin/sshd", "-t", "-f", lab.write("broken", text))
    with lab.fault("damaged-key"):
        lab.write("host", "damaged", 0o644)
        lab.run("/usr/sbin/sshd", "-D", "-e", "-f", lab.dir / "sshd_config", timeout=1)


def _sessions(lab: Lab, level: str) -> None:
    """Logins with the right key, commands, copies and forwarded ports."""
    key = ("-i", str(lab.dir / "good"), "-o", "IdentitiesOnly=yes")
    loud = level == "DEBUG1"
    for command in ("id", "uptime", "ls -l /", "true"):
        source = ("-b", lab.address())
        lab.run(*SSH, *key, *source, "alice@127.0.0.1", command, keep=loud)
    lab.run(*SSH, *key, "-v", "alice@127.0.0.1", "true", keep=loud)
    batch = lab.write("fine", "pwd\nls\nput /etc/hostname h\nget h /srv/app/h2\nrm h\n")
    lab.run("sftp", *SSH[1:], *key, "-b", batch, "alice@127.0.0.1", keep=loud)
    lab.run("scp", *SSH[1:], *key, "/etc/services", "alice@127.0.0.1:s", keep=loud)


def _knock(lab: Lab, level: str) -> None:
    """Refused logins, scans, peers with nothing in common, and more of them than allowed."""
    key = ("-i", str(lab.dir / "good"), "-o", "IdentitiesOnly=yes")
    askpass = lab.write("ask", "#!/bin/sh\necho wrong\n", 0o755)
    env = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    loud = level in ("INFO", "DEBUG1")
    (lab.dir / "bad").chmod(0o644)
    with lab.fault("refused-login"):
        lab.run(*SSH, *key, "git@127.0.0.1", "id", keep=loud)
        lab.run(*SSH, "-i", lab.dir / "bad", "root@127.0.0.1", env=env, keep=loud)
        for _ in range(5):
            who = f"{lab.user()}@127.0.0.1"
            lab.run(*SSH, "-b", lab.address(), who, env=env, keep=loud, timeout=5)
    with lab.fault("protocol-error"):
        for option in ("Ciphers=3des-cbc", "KexAlgorithms=diffie-hellman-group1-sha1"):
            lab.run(*SSH, "-o", option, "alice@127.0.0.1", keep=loud)
        for words in (
            *(b"", b"GET / HTTP/1.1\r\n\r\n", b"SSH-1.5-x\r\n", b"SSH-2.0-scan\r\n"),
            *(b"SSH-2.0-x\r\n" + bytes(60), b"\x16\x03\x01\0", b"SSH-2.0-y\r\n\xff\xff\xff\xff"),
        ):
            lab.talk(22, words)
    with lab.fault("connection-flood"):
        slow = [lab.start("/usr/bin/python3", "-c", HOLD, keep=False) for _ in range(7)]
        lab.pause(2.5)
        for one in slow:
            lab.stop(one)


HOLD = "import socket, time; s = socket.create_connection(('127.0.0.1', 22)); time.sleep(9)"
PROGRAMS = ("app", "backupd", "kubelet", "CRON", "sudo", "postfix/smtpd")


def rsyslog(lab: Lab) -> None:
    """rsyslogd on itself: normal relaying, bad configurations, a full disk, a dead remote."""
    for number, template in enumerate((PLAIN, LEVELS)):
        log = f"/var/log/all{number}.log"
        lab.collect(log)
        base = (
            'global(workDirectory="/srv/app")\nmodule(load="imuxsock")\nmodule(load="imtcp")\n'
            'module(load="impstats" interval="1" severity="6" log.syslog="on")\n'
            'input(type="imtcp" port="514" address="127.0.0.1")\n'
            f'template(name="t" type="string" string="{template}\\n")\n'
            f'action(type="omfile" file="{log}" template="t")\n'
        )
        argv = ("rsyslogd", "-n", "-f", "/srv/app/r.conf", "-i", "/srv/app/pid")
        with lab.healthy():
            lab.write("r.conf", base)
            server = lab.start(*argv)
            lab.listening(514)
            for who in ("app", "backupd", "orders"):
                lab.talk(514, f"<30>Jan  1 00:00:00 h {who}[7]: job finished in 3 s\n".encode())
            lab.signal_named("rsyslogd", 1)
            lab.pause(1.5)
            lab.stop(server)
        with lab.fault("backend-down"):
            full = lab.tiny_disk(f"full{number}", "8k")
            lab.write(
                "r.conf",
                f'{base}action(type="omfile" file="{full}/x")\n*.* @@127.0.0.1:9\n'
                'action(type="omfile" file="/proc/none/x")\n'
                'action(type="omprog" binary="/bin/false")\n',
            )
            server = lab.start(*argv)
            lab.listening(514)
            lab.run(*argv, timeout=1)
            for words in (b"<999>broken", b"<34>1 bad", b"9999999999 x", b"<11>" + b"z" * 9000):
                lab.talk(514, words + b"\n")
            lab.pause(2)
            lab.stop(server)
    with lab.fault("bad-config"):
        for wrong in (
            *("*.* /none/dir/file", 'module(load="none")', "$Nonsense on", "*.none"),
            *('action(type="omfile")', "if $msg then", 'template(name="x")'),
            *('input(type="imudp" port="514")', "$FileOwner nobody9"),
        ):
            lab.run("rsyslogd", "-N1", "-f", lab.write("broken.conf", wrong + "\n"))


def cron(lab: Lab) -> None:
    """cron and logrotate: jobs that end well; bad crontabs, failing jobs and rotations."""
    lab.syslog(PLAIN)
    lab.folder("/var/log/lab").chmod(0o755)
    with lab.healthy():
        for who in ("root", "nobody", "www-data"):
            lab.write(
                f"/etc/cron.d/{who}", f"* * * * * {who} true\n* * * * * {who} date >/dev/null\n"
            )
        lab.run("crontab", lab.write("tab", "@reboot true\n* * * * * true\n"))
        lab.run("crontab", "-l", keep=False)
        server = lab.start("cron", "-f", "-L", "15")
        _rotate(lab, GOOD_ROTATIONS)
        lab.pause(61 - time.time() % 60)
    with lab.fault("failing-job"):
        lab.write("/etc/cron.d/lab", "* * * * * root echo hi; exit 3\n* * * * * nobody9 true\n")
        lab.write("/etc/cron.d/bad", "61 * * * * root true\nnonsense\n")
        lab.write("/etc/cron.d/loose", "* * * * * root true\n", 0o666)
        for text in ("99 * * * * true\n", "x\n", "* * * * *"):
            lab.run("crontab", lab.write("tab", text))
        lab.run("crontab", "-u", "nobody9", "-l")
        lab.run("cron", "-f", timeout=2)
        lab.write("/etc/cron.allow", "alice\n")
        _rotate(lab, BAD_ROTATIONS)
        lab.folder("/var/log/lab").chmod(0o777)
        lab.run("logrotate", "-v", "-s", "/proc/state", lab.dir / "rule")
        lab.write("state", "nonsense\n")
        lab.run("logrotate", "-v", "-s", lab.dir / "state", "/none/conf")
        lab.pause(61 - time.time() % 60)
    lab.stop(server)


GOOD_ROTATIONS = (
    *("rotate 2\nsize 1k", "daily\nmissingok\ncompress", "weekly\ndateext\nnomail"),
    *("notifempty\nsize 1\nmissingok", "copytruncate\nsize 1\nmissingok", "monthly\nnocreate"),
)
BAD_ROTATIONS = (
    *("rotate 1\nsize 1\npostrotate\nexit 3\nendscript", "nonsense", "size x", "rotate -1"),
    *("create 0640 nobody9 adm", "olddir /none", "su nobody9 adm", "rotate 2\n{"),
    "copytruncate\nsize 1\ncompresscmd /none\ncompress",
)


def _rotate(lab: Lab, options: tuple[str, ...]) -> None:
    for name in (*WORDS, "empty"):
        lab.write(f"/var/log/lab/{name}.log", "x\n" * (0 if name == "empty" else 900))
    gone = "" if options is GOOD_ROTATIONS else " /var/log/none.log"
    for text in options:
        rule = lab.write("rule", f"/var/log/lab/*.log{gone} {{\n{text}\n}}\n")
        for flags in (("-v",), ("-v", "-f")):
            lab.run("logrotate", *flags, "-s", lab.dir / "state", rule)


def accounts(lab: Lab) -> None:
    """Account changes, su and PAM that go well, and those that are refused, through syslog."""
    for style, log in ((PLAIN, "a"), (LEVELS, "b"), (RFC5424, "c"), (ISO, "d")):
        lab.syslog(style, f"/var/log/{log}.log")
        name = f"{lab.rng.choice(WORDS)}{log}"
        with lab.healthy():
            for words in (
                *(("useradd", "-m", name), ("usermod", "-c", "x", name), ("usermod", "-L", name)),
                *(
                    ("usermod", "-p", "x", name),
                    ("groupadd", f"g{name}"),
                    ("chage", "-M", "9", name),
                ),
                *(("gpasswd", "-a", name, f"g{name}"), ("gpasswd", "-d", name, f"g{name}")),
                *(
                    ("usermod", "-aG", "adm", name),
                    ("chsh", "-s", "/bin/sh", name),
                    ("chfn", "-r", "9", name),
                ),
                *(("su", name, "-c", "true"), ("su", "-", "nobody", "-s", "/bin/sh", "-c", "true")),
                *(("sudo", "-u", name, "true"), ("sudo", "id"), ("runuser", "-u", name, "true")),
                *(("sh", "-c", f"echo {name}:Secret-9x | chpasswd"), ("groupdel", f"g{name}")),
                *(("userdel", "-r", name), ("groupmems", "-g", "adm", "-l")),
            ):
                lab.run(*words, keep=log == "a")
            for priority, text in (
                ("info", "backup finished, 17 files"),
                ("notice", "session opened"),
                ("debug", "cache holds 40 entries"),
                ("info", "listening on port 80"),
            ):
                lab.run("logger", "-p", f"daemon.{priority}", "-t", lab.rng.choice(PROGRAMS), text)
        with lab.fault("refused-account"):
            for words in (
                *(("useradd", "root"), ("usermod", "-L", "nobody9"), ("chage", "-E", "x", "root")),
                *(("gpasswd", "-a", "none9", "adm"), ("userdel", "none9"), ("groupdel", "root")),
                *(("usermod", "-u", "0", "nobody"), ("passwd", "-d", "nobody9"), ("pwck", "-r")),
                *(("useradd", "-g", "none9", "x"), ("groupadd", "-g", "0", "y"), ("su", "none9")),
            ):
                lab.run(*words, keep=log == "a")
            for command in ("su root", "sudo -n id", "sudo -S id </dev/null", "su -c id alice"):
                lab.run("su", "nobody", "-s", "/bin/sh", "-c", command, keep=log == "a")
                lab.run("sh", "-c", command, user="nobody", keep=log == "a", timeout=5)
        lab.stop_all()


SERVICES = (
    Service("sshd", ("openssh-server", "openssh-client", "rsyslog"), sshd, 150),
    Service("rsyslog", ("rsyslog",), rsyslog),
    Service("cron", ("cron", "logrotate", "rsyslog"), cron, 150),
    Service("accounts", ("passwd", "rsyslog", "sudo"), accounts, 75),
)
