"""Mail, names, files, tunnels and messages: the daemons that talk to strangers."""

from pathlib import Path

from corpus.hosts import PLAIN
from corpus.lab import Lab, Service

SMTP = (
    b"EHLO scan.example\r\n",
    b"MAIL FROM:<a@no.invalid>\r\n",
    b"RCPT TO:<root@example.net>\r\n",
    b"RCPT TO:<nobody9@localhost>\r\n",
    b"RCPT TO:<root@localhost>\r\n",
    b"DATA\r\n",
    b"Subject: hi\r\n\r\nbody\r\n.\r\n",
    b"AUTH PLAIN AGEAYg==\r\n",
    b"VRFY root\r\n",
    b"QUIT\r\n",
)
SMTP_ODD = (
    (b"GET / HTTP/1.1\r\n", b"Host: a\r\n"),
    (b"HELO\r\n", b"NONSENSE\r\n" * 12),
    (b"\x16\x03\x01\x02\r\n",),
    (b"EHLO x\r\n", b"STARTTLS\r\n", b"plain\r\n"),
    (b"EHLO x\r\n", b"MAIL FROM:<" + b"a" * 3000 + b">\r\n"),
    (b"RCPT TO:<a@b>\r\n", b"DATA\r\n"),
    (b"EHLO a b c\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<root>\r\n"),
    (b"EHLO x\r\n", b"MAIL FROM:<a@b.c> SIZE=999999999\r\n"),
    (b"x" * 5000 + b"\r\n",),
)


def postfix(lab: Lab) -> None:
    """Postfix: relays refused, dead hosts, full mailboxes, broken maps and a missing directory."""
    cert, key = lab.certificate()
    settings = {
        "myhostname": "mx.example.org",
        "inet_interfaces": "127.0.0.1",
        "smtpd_delay_reject": "no",
        "smtpd_tls_cert_file": str(cert),
        "smtpd_tls_key_file": str(key),
        "mailbox_size_limit": "900",
        "smtpd_tls_security_level": "may",
        "message_size_limit": "800",
        "smtpd_error_sleep_time": "0",
        "transport_maps": "texthash:/srv/app/transport",
        "smtpd_hard_error_limit": "6",
        "virtual_alias_maps": "hash:/srv/app/none",
        "smtp_connect_timeout": "1",
        "smtpd_recipient_restrictions": "reject_unknown_sender_domain,reject_unauth_destination",
        "smtpd_tls_loglevel": "2",
        "minimal_backoff_time": "2s",
        "queue_run_delay": "2s",
        "maillog_file": "/var/log/mail.log",
        "smtpd_timeout": "2s",
        "bounce_queue_lifetime": "4s",
    }
    lab.write("transport", "dead.test smtp:[127.0.0.1]:9\nodd.test nonsense:\n")
    lab.write("/etc/postfix/main.cf", "compatibility_level = 3.6\nmydestination = localhost\n")
    lab.run("postconf", "-e", *(f"{name}={value}" for name, value in settings.items()))
    lab.syslog()
    for round_ in range(3):
        if round_ == 1:
            lab.run("postconf", "-X", "maillog_file", "virtual_alias_maps")
        if round_ == 2:
            lab.run(
                "postconf", "-e", "nonsense=1", "debug_peer_list=127.0.0.1", "inet_protocols=x,y"
            )
            lab.run("postfix", "check")
            lab.run(
                "postconf",
                "-e",
                "inet_protocols=ipv4",
                "debug_peer_list=0.0.0.0/0",
                "content_filter=x:",
            )
        lab.run("postfix", "start", timeout=15)
        lab.run("postfix", "start", timeout=15)
        lab.listening(25)
        for rcpt in (
            "root@localhost",
            "nobody9@localhost",
            "a@dead.test",
            "b@odd.test",
            "c@no.invalid",
        ):
            lab.run("sendmail", "-f", f"{lab.user()}@localhost", rcpt, timeout=3)
            lab.talk(25, *(part.replace(b"root@localhost", rcpt.encode()) for part in SMTP))
        for odd in SMTP_ODD:
            lab.talk(25, *odd)
        lab.pause(3)
        lab.run("postqueue", "-p")
        lab.run("postfix", "flush")
        lab.run("pkill", "-9", "smtpd")
        lab.pause(1)
        lab.run("postsuper", "-d", "ALL")
        lab.run("postfix", "stop", timeout=15)
    lab.collect("/var/log/mail.log")
    lab.run("postmap", lab.write("map", "nokey\na b\na b\n c\n"))
    lab.write("/etc/postfix/master.cf", "smtp inet n - y - - \nnonsense\n")
    lab.run("postfix", "start")


DOVECOT = """
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <%s
ssl_key = <%s
auth_verbose = yes
auth_debug = yes
mail_debug = yes
verbose_ssl = yes
disable_plaintext_auth = no
mail_location = maildir:/srv/app/mail/%%u
passdb {
  driver = passwd-file
  args = /srv/app/users
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=/srv/app/mail/%%u
}
"""


def dovecot(lab: Lab) -> None:
    """Dovecot: IMAP and POP3 logins, broken indexes, missing rights, bad settings."""
    cert, key = lab.certificate()
    text = DOVECOT % (cert, key)
    lab.write("users", "alice:{PLAIN}secret\nbob:{NONE}x\nbroken\ngit:{SSHA}zz\n")
    lab.folder("mail", "nobody")
    lab.collect("/var/log/dovecot*.log")
    for wrong in (
        "nonsense = 1",
        "ssl_cert = </none",
        "passdb {",
        "mail_location = x:y",
        "protocols = q",
    ):
        lab.run("dovecot", "-F", "-c", lab.write("b.conf", f"{text}\n{wrong}\n"), timeout=3)
    imap = (
        b"a LOGIN alice secret\r\n",
        b"b SELECT INBOX\r\n",
        b"c SELECT none\r\n",
        b"d FETCH 9 x\r\n",
        b"e NONSENSE\r\n",
        b"f CREATE x\r\n",
        b"f APPEND INBOX {5}\r\n",
        b"hello\r\n",
        b"g LOGOUT\r\n",
    )
    for number, log in enumerate(("/var/log/dovecot.log", "syslog")):
        if number:
            lab.syslog()
        extra = f"log_path = {log}\ninfo_log_path = {log}\n"
        server = lab.start("dovecot", "-F", "-c", lab.write("d.conf", text + extra))
        lab.listening(143)
        lab.run("dovecot", "-F", "-c", lab.dir / "d.conf", timeout=3)
        lab.talk(143, *imap)
        lab.write("mail/alice/dovecot.index.log", lab.rng.randbytes(500))
        lab.write("mail/alice/dovecot-uidlist", "nonsense\n")
        lab.talk(143, *imap)
        lab.write("mail/alice/cur/x", "x", 0o000)
        (lab.dir / "mail/alice/cur").chmod(0o000)
        lab.talk(143, *imap)
        for user in ("bob", "git", lab.user(), "alice"):
            lab.talk(143, f"a LOGIN {user} wrong\r\n".encode(), wait=2.2)
            lab.talk(110, f"USER {user}\r\n".encode(), b"PASS x\r\n", b"QUIT\r\n")
        lab.talk(993, b"a LOGIN x y\r\n", tls=True)
        lab.talk(993, b"plain\r\n")
        lab.talk(143, b"GET / HTTP/1.0\r\n\r\n" * 30)
        lab.run("doveadm", "-c", lab.dir / "d.conf", "-v", "index", "-u", "nobody9", "*")
        lab.run("pkill", "-9", "auth")
        lab.talk(143, *imap)
        lab.run("doveadm", "-c", lab.dir / "d.conf", "reload")
        lab.stop(server)


def queries(lab: Lab, port: int) -> None:
    """DNS questions, good, odd and broken."""
    names = (
        "www.example.test",
        "missing.example.test",
        "example.org",
        "bad..name",
        "x" * 63 + ".test",
    )
    for number, name in enumerate((*names, "1.0.0.127.in-addr.arpa", "version.bind")):
        labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".") if p)
        for kind in (1, 28, 252, 255, 16):
            question = bytes([number, kind, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + labels + b"\0\0"
            lab.talk(port, question + bytes([kind, 0, 1]), kind="udp", wait=0.05)
    for junk in (b"", b"\xff" * 12, b"\0" * 40, lab.rng.randbytes(60)):
        lab.talk(port, junk, kind="udp", wait=0.05)
        lab.talk(port, b"\0\x20" + junk, wait=0.05)
    update = b"\0\x07\x28\0\0\1\0\0\0\0\0\0\7example\4test\0\0\6\0\1"
    lab.talk(port, update, kind="udp")


ZONE = """$TTL 60
@ IN SOA ns.example.test. root.example.test. 1 60 60 60 60
@ IN NS ns
ns IN A 127.0.0.1
www IN CNAME ns
"""
BROKEN_ZONES = (
    "nonsense\n",
    ZONE + "www IN A 1.2.3\n",
    ZONE + "x IN NONE y\n",
    ZONE + "www IN A 1.2.3.4\n",
    "@ IN A 1.2.3.4\n",
    ZONE + "@ IN MX 10 missing\n",
    ZONE + "a.b.org. IN A 1.2.3.4\n",
    ZONE + "$INCLUDE /none\n",
    ZONE.replace("ns IN A", "xx IN A"),
    ZONE + 'u\tIN TXT "open\n',
)
NAMED = """
options { directory "/srv/app"; listen-on port 53 { 127.0.0.1; }; listen-on-v6 { none; };
 pid-file "/srv/app/named.pid"; session-keyfile "/srv/app/s.key"; forwarders { 127.0.0.1 port 9; };
 allow-transfer { none; }; max-cache-size 2m; recursion yes; %s };
zone "example.test" { type master; file "good.zone"; };
zone "bad.test" { type master; file "bad.zone"; };
zone "gone.test" { type master; file "gone.zone"; };
zone "slave.test" { type slave; masters { 127.0.0.1 port 9; }; file "slave.zone"; };
logging { channel q { stderr; severity debug %d; print-time yes; print-category yes;
  print-severity yes; };
 category default { q; }; category queries { q; }; category lame-servers { q; }; };
controls { };
"""


def named(lab: Lab) -> None:
    """BIND: broken zones, refused transfers and updates, dead forwarders, bad configuration."""
    lab.write("good.zone", ZONE)
    lab.write("bad.zone", BROKEN_ZONES[1])
    for text in BROKEN_ZONES:
        lab.run("named-checkzone", "example.test", lab.write("b.zone", text))
    for wrong in ("nonsense 1;", "port x;", "listen-on { 300.1.1.1; };", "recursion perhaps;", "{"):
        lab.run("named-checkconf", "-z", lab.write("b.conf", NAMED % (wrong, 1)))
        lab.run("named", "-g", "-c", lab.dir / "b.conf", timeout=2)
    for level, extra in ((1, ""), (3, "querylog yes; dnssec-validation auto;")):
        server = lab.start("named", "-f", "-c", lab.write("n.conf", NAMED % (extra, level)))
        lab.listening(53)
        queries(lab, 53)
        lab.run("named", "-g", "-c", lab.dir / "n.conf", timeout=2)
        lab.write("good.zone", BROKEN_ZONES[level])
        lab.signal_named("named", 1)
        lab.pause(1.5)
        lab.stop(server, 15)
        lab.write("good.zone", ZONE)


def resolvers(lab: Lab) -> None:
    """unbound, dnsmasq, nsd and knot: the same questions, other words for the trouble."""
    unbound = (
        'server:\n directory: "/srv/app"\n interface: 127.0.0.1\n port: 5301\n chroot: ""\n'
        ' username: ""\n use-syslog: no\n verbosity: %d\n pidfile: "/srv/app/u.pid"\n'
        " log-queries: yes\n log-replies: yes\n log-servfail: yes\n"
        " access-control: 10.0.0.0/8 refuse\n"
        'forward-zone:\n name: "."\n forward-addr: 127.0.0.1@9\n'
    )
    for wrong in ("nonsense: 1\n", "server: port: x\n", "server: interface: 300.1.1.1\n", "x\n"):
        lab.run("unbound", "-d", "-c", lab.write("b.conf", unbound % 1 + wrong), timeout=2)
        lab.run("unbound-checkconf", lab.dir / "b.conf")
    for level in (1, 4):
        server = lab.start("unbound", "-d", "-c", lab.write("u.conf", unbound % level))
        lab.listening(5301)
        queries(lab, 5301)
        lab.run("unbound", "-d", "-c", lab.dir / "u.conf", timeout=2)
        lab.stop(server)
    lab.write("hosts", "127.0.0.1 www.example.test\nbroken\n300.1.1.1 x\n")
    masq = ("dnsmasq", "-k", "--log-facility=-", "--port=5302", "--no-resolv", "--user=root")
    for wrong in (
        "--nonsense",
        "--server=x#y",
        "--conf-file=/none",
        "--dhcp-range=9",
        "--listen-address=8.8.8.8",
        "--addn-hosts=/none",
        "--user=nobody9",
    ):
        lab.run(*masq, wrong, timeout=1.5)
    server = lab.start(
        *masq,
        "--log-queries=extra",
        "--log-debug",
        "--server=127.0.0.1#9",
        "--addn-hosts=/srv/app/hosts",
        "--stop-dns-rebind",
        "--dns-forward-max=3",
    )
    lab.pause(0.5)
    queries(lab, 5302)
    lab.signal_named("dnsmasq", 10)
    lab.run(*masq, timeout=1.5)
    lab.stop(server)
    _authorities(lab)


def _authorities(lab: Lab) -> None:
    zones = "".join(
        f"zone:\n name: z{n}.test\n zonefile: /srv/app/z{n}\n" for n in range(len(BROKEN_ZONES))
    )
    for number, text in enumerate(BROKEN_ZONES):
        lab.write(f"z{number}", text.replace("example", f"z{number}"))
    nsd = (
        'server:\n ip-address: 127.0.0.1@5303\n username: root\n zonesdir: /srv/app\n chroot: ""\n'
        ' verbosity: 5\n database: ""\n pidfile: /srv/app/nsd.pid\n xfrdfile: /srv/app/x\n'
        " zonelistfile: /srv/app/l\nremote-control:\n control-enable: no\n"
    )
    lab.run("nsd", "-d", "-c", lab.write("b.conf", nsd + "nonsense: 1\n"), timeout=2)
    server = lab.start("nsd", "-d", "-c", lab.write("nsd.conf", nsd + zones))
    lab.listening(5303, 3)
    queries(lab, 5303)
    lab.stop(server)
    knot = (
        "server:\n listen: 127.0.0.1@5304\n rundir: /srv/app\nlog:\n - target: stderr\n"
        "   any: debug\n"
        "database:\n storage: /srv/app\nzone:\n"
    )
    knot += "".join(
        f" - domain: z{n}.test\n   file: /srv/app/z{n}\n" for n in range(len(BROKEN_ZONES))
    )
    lab.run("knotd", "-c", lab.write("b.conf", knot + "nonsense: 1\n"), timeout=2)
    server = lab.start("knotd", "-c", lab.write("k.conf", knot))
    lab.listening(5304, 3)
    queries(lab, 5304)
    lab.stop(server)


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
    Service("postfix", ("postfix", "rsyslog"), postfix, 60),
    Service("dovecot", ("dovecot-imapd", "dovecot-pop3d", "rsyslog"), dovecot, 60),
    Service("named", ("bind9", "bind9-utils"), named),
    Service("resolvers", ("unbound", "dnsmasq-base", "nsd", "knot"), resolvers),
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
