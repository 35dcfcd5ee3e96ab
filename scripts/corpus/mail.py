"""Mail: refused relays and logins, dead hosts, broken maps, indexes and settings."""

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


SERVICES = (
    Service("postfix", ("postfix", "rsyslog"), postfix, 60),
    Service("dovecot", ("dovecot-imapd", "dovecot-pop3d", "rsyslog"), dovecot, 60),
)
