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
    """sshd in five syslog formats: logins good and bad, scanners, bad keys and configurations."""
    lab.folder("/run/sshd")
    for kind, name in (("ed25519", "host"), ("rsa", "good"), ("ecdsa", "bad")):
        lab.run("ssh-keygen", "-q", "-t", kind, "-N", "", "-f", lab.dir / name)
    lab.write("keys", "nonsense\n" + (lab.dir / "good.pub").read_text())
    lab.run("useradd", "-m", "-d", "/srv/app/alice", "-s", "/bin/sh", "alice")
    lab.run("useradd", "-s", "/bin/false", "git")
    for wrong in ("Nonsense 1", "Port x", "HostKey /none", "Ciphers none", "Match", "UsePAM maybe"):
        lab.run("/usr/sbin/sshd", "-t", "-f", lab.write("broken", SSHD % ("INFO", "no") + wrong))
    (lab.dir / "bad").chmod(0o644)
    for level, pam, style in (
        ("VERBOSE", "yes", LEVELS),
        ("INFO", "no", PLAIN),
        ("DEBUG1", "yes", ISO),
        ("DEBUG3", "no", LEVELS),
        ("QUIET", "yes", RFC5424),
    ):
        lab.syslog(style, f"/var/log/auth-{level}.log")
        config = lab.write("sshd_config", SSHD % (level, pam))
        server = lab.start("/usr/sbin/sshd", "-D", "-f", config)
        lab.listening(22)
        lab.run("/usr/sbin/sshd", "-D", "-e", "-f", config, timeout=1)
        _knock(lab, level)
        lab.stop_all()
        lab.stop(server)
    lab.write("host", "damaged", 0o644)
    lab.run("/usr/sbin/sshd", "-D", "-e", "-f", lab.dir / "sshd_config", timeout=1)


def _knock(lab: Lab, level: str) -> None:
    """Logins, scans and sessions."""
    key = ("-i", str(lab.dir / "good"), "-o", "IdentitiesOnly=yes")
    askpass = lab.write("ask", "#!/bin/sh\necho wrong\n", 0o755)
    env = {"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"}
    loud = level in ("INFO", "DEBUG1")
    lab.run(*SSH, *key, "alice@127.0.0.1", "id", keep=loud)
    lab.run(*SSH, *key, "-vvv" if level == "DEBUG3" else "-v", "alice@127.0.0.1", "exit 3")
    lab.run(*SSH, *key, "git@127.0.0.1", "id", keep=loud)
    lab.run(*SSH, "-i", lab.dir / "bad", "root@127.0.0.1", env=env, keep=loud)
    for _ in range(6):
        who = f"{lab.user()}@127.0.0.1"
        lab.run(*SSH, "-b", lab.address(), who, env=env, keep=loud, timeout=6)
    for option in ("Ciphers=3des-cbc", "KexAlgorithms=diffie-hellman-group1-sha1", "MACs=hmac-md5"):
        lab.run(*SSH, "-o", option, "alice@127.0.0.1", keep=loud)
    for words in (
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"SSH-1.5-x\r\n",
        b"SSH-2.0-scan\r\n",
        b"SSH-2.0-x\r\n" + bytes(60),
        b"\x16\x03\x01\x00",
        b"SSH-2.0-y\r\n\xff\xff\xff\xff",
    ):
        lab.talk(22, words)
    batch = lab.write(
        "batch", "ls /\nget /none\nput /etc/hostname /srv/app/alice/h\nmkdir /none/x\n"
    )
    lab.run("sftp", *SSH[1:], *key, "-b", batch, "alice@127.0.0.1", keep=loud)
    lab.run(*SSH, *key, "-N", "-R", "9:127.0.0.1:9", "alice@127.0.0.1", timeout=2, keep=loud)
    slow = [lab.start(*SSH, "-o", "ProxyCommand=sleep 9", "x@127.0.0.1", keep=False)]
    slow += [lab.start("/usr/bin/python3", "-c", HOLD, keep=False) for _ in range(5)]
    lab.pause(2.3)
    for one in slow:
        lab.stop(one)


HOLD = "import socket, time; s = socket.create_connection(('127.0.0.1', 22)); time.sleep(9)"
PROGRAMS = ("kernel", "app", "backupd", "kubelet", "CRON", "sudo", "postfix/smtpd")


def rsyslog(lab: Lab) -> None:
    """rsyslogd on itself: bad configurations, a full disk, a dead remote, odd messages."""
    for wrong in (
        "*.* /none/dir/file",
        'module(load="none")',
        "$Nonsense on",
        "*.none",
        'action(type="omfile")',
        "if $msg then",
        'template(name="x")',
        'input(type="imudp" port="514")',
        "*.* @@127.0.0.1:9",
        "$FileOwner nobody9",
    ):
        lab.run("rsyslogd", "-N1", "-f", lab.write("broken.conf", wrong + "\n"))
    full = lab.tiny_disk("full", "8k")
    lab.collect("/var/log/all.log")
    config = lab.write(
        "r.conf",
        (
            'global(workDirectory="/srv/app")\nmodule(load="imuxsock")\nmodule(load="imtcp")\n'
            'module(load="impstats" interval="1" severity="6" log.syslog="on")\n'
            'input(type="imtcp" port="514" address="127.0.0.1")\n'
            f'template(name="t" type="string" string="{LEVELS}\\n")\n'
            'action(type="omfile" file="/var/log/all.log" template="t")\n'
            f'action(type="omfile" file="{full}/x.log")\n'
            '*.* @@127.0.0.1:9\naction(type="omfile" file="/proc/none/x")\n'
            'action(type="omprog" binary="/bin/false")\n'
        ),
    )
    server = lab.start("rsyslogd", "-n", "-f", config, "-i", lab.dir / "pid")
    lab.listening(514)
    lab.run("rsyslogd", "-n", "-f", config, "-i", lab.dir / "pid", timeout=2)
    for words in (
        b"<999>broken",
        b"no priority",
        b"<34>1 bad",
        b"<13>Oct 99 x: y",
        b"\xff\xfe<1>",
        b"9999999999 x",
        b"<11>" + b"z" * 9000,
    ):
        lab.talk(514, words + b"\n")
    lab.pause(2)
    lab.signal_named("rsyslogd", 1)
    lab.pause(1)
    lab.stop(server)


def cron(lab: Lab) -> None:
    """cron and logrotate: bad crontabs, failing jobs, files that can't be rotated."""
    lab.syslog(LEVELS)
    lab.write("/etc/cron.d/lab", "* * * * * root echo hi; exit 3\n* * * * * nobody9 true\n")
    lab.write("/etc/cron.d/bad", "61 * * * * root true\nnonsense\n")
    lab.write("/etc/cron.d/loose", "* * * * * root true\n", 0o666)
    for text in ("* * * * * false\n@reboot true\n", "99 * * * * true\n", "x\n", "* * * * *"):
        lab.run("crontab", lab.write("tab", text))
    lab.run("crontab", "-u", "nobody9", "-l")
    server = lab.start("cron", "-f", "-L", "15")
    lab.pause(1)
    lab.run("cron", "-f", timeout=2)
    _rotate(lab)
    lab.pause(62 - time.time() % 60)
    lab.stop(server)


def _rotate(lab: Lab) -> None:
    for name in (*WORDS, "empty"):
        lab.write(f"/var/log/lab/{name}.log", "x\n" * (0 if name == "empty" else 900))
    options = (
        "rotate 2\nsize 1k",
        "daily\nmissingok\ncompress",
        "weekly\ndateext\nnomail",
        "rotate 1\nsize 1\npostrotate\nexit 3\nendscript",
        "nonsense",
        "size x",
        "rotate -1",
        "create 0640 nobody9 adm",
        "olddir /none",
        "su nobody9 adm",
        "notifempty\nsize 1",
        "copytruncate\nsize 1\ncompresscmd /none\ncompress",
        "rotate 2\n{",
    )
    lab.folder("/var/log/lab").chmod(0o755)
    for text in options:
        rule = lab.write("rule", f"/var/log/lab/*.log /var/log/none.log {{\n{text}\n}}\n")
        rule.chmod(0o644)
        for flags in (("-d",), ("-v", "-f")):
            lab.run("logrotate", *flags, "-s", lab.dir / "state", rule)
    lab.folder("/var/log/lab").chmod(0o777)
    lab.run("logrotate", "-v", "-s", "/proc/state", rule)
    lab.write("state", "nonsense\n")
    lab.run("logrotate", "-v", "-s", lab.dir / "state", "/none/conf", rule)


def kernel(lab: Lab) -> None:
    """The running kernel's ring buffer, as dmesg prints it."""
    for flags in ((), ("-T", "-x"), ("--time-format", "iso", "-x")):
        lab.run("dmesg", *flags)
    lab.run("sysctl", "-w", "kernel.none=1", "vm.swappiness=x")


def accounts(lab: Lab) -> None:
    """PAM's tools, su, sudo-like refusals and account changes, through syslog."""
    for style, log in ((LEVELS, "a"), (PLAIN, "b"), (RFC5424, "c")):
        lab.syslog(style, f"/var/log/{log}.log")
        for number in range(3):
            name = f"{lab.rng.choice(WORDS)}{number}{log}"
            for words in (
                ("useradd", name),
                ("useradd", name),
                ("usermod", "-L", name),
                ("chage", "-E", "0", name),
                ("groupadd", f"g{name}"),
                ("passwd", "-S", name),
                ("gpasswd", "-a", name, "adm"),
                ("su", name, "-c", "id"),
                ("userdel", name),
                ("userdel", name),
                ("groupdel", "root"),
                ("usermod", "-u", "0", "nobody"),
                ("chsh", "-s", "/none", "nobody"),
                ("passwd", "-d", "nobody9"),
            ):
                lab.run(*words, keep=log == "a")
        lab.run("su", "nobody", "-s", "/bin/sh", "-c", "su root", user="nobody")
        lab.run("pwck", "-r")
        for priority in ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"):
            lab.run(
                "logger", "-p", f"daemon.{priority}", "-t", lab.rng.choice(PROGRAMS), "test of", log
            )
        lab.stop_all()


SERVICES = (
    Service("sshd", ("openssh-server", "openssh-client", "rsyslog"), sshd, 90),
    Service("rsyslog", ("rsyslog",), rsyslog),
    Service("cron", ("cron", "logrotate", "rsyslog"), cron, 90),
    Service("kernel", ("util-linux",), kernel),
    Service("accounts", ("passwd", "rsyslog"), accounts),
)
