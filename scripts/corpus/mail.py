"""Mail: letters that arrive; refused relays and logins, dead hosts, broken maps and indexes."""

from corpus.lab import Lab, Service

SMTP = (
    b"EHLO client.example.org\r\n",
    b"MAIL FROM:<alice@localhost>\r\n",
    b"RCPT TO:<root@localhost>\r\n",
    b"DATA\r\n",
    b"Subject: hi\r\n\r\nbody\r\n.\r\n",
    b"QUIT\r\n",
)
RELAY = (
    (b"EHLO scan.example\r\n", b"MAIL FROM:<a@no.invalid>\r\n"),
    (b"EHLO scan.example\r\n", b"MAIL FROM:<a@localhost>\r\n", b"RCPT TO:<root@example.net>\r\n"),
    (b"EHLO scan.example\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<x@relay.test>\r\n"),
    (b"HELO [1.2.3.4]\r\n", b"MAIL FROM:<a@localhost>\r\n", b"RCPT TO:<nobody9@localhost>\r\n"),
    (b"EHLO x\r\n", b"AUTH PLAIN AGEAYg==\r\n"),
    (b"EHLO x\r\n", b"VRFY nobody9\r\n", b"EXPN staff\r\n"),
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
POSTFIX = {
    "myhostname": "mx.example.org",
    "inet_interfaces": "127.0.0.1",
    "smtpd_delay_reject": "no",
    "smtpd_tls_security_level": "may",
    "message_size_limit": "3000",
    "mailbox_size_limit": "400000",
    "smtpd_error_sleep_time": "0",
    "transport_maps": "texthash:/srv/app/transport",
    "alias_maps": "texthash:/srv/app/aliases",
    "smtpd_hard_error_limit": "6",
    "smtp_connect_timeout": "1",
    "smtpd_recipient_restrictions": "reject_unknown_sender_domain,reject_unauth_destination",
    "smtpd_tls_loglevel": "2",
    "minimal_backoff_time": "2s",
    "queue_run_delay": "2s",
    "maillog_file": "/var/log/mail.log",
    "smtpd_timeout": "2s",
    "bounce_queue_lifetime": "4s",
}
SINK = """
import socketserver
class Sink(socketserver.StreamRequestHandler):
    def handle(self):
        say = lambda text: self.wfile.write(text + b"\\r\\n")
        say(b"220 far.test ESMTP")
        data = False
        for line in self.rfile:
            if data and line.rstrip() == b".":
                data = False
                say(b"250 queued as 4Xy")
            elif not data and line[:4].upper() == b"DATA":
                data = True
                say(b"354 go on")
            elif not data:
                say(b"221 bye" if line[:4].upper() == b"QUIT" else b"250 ok")
socketserver.ThreadingTCPServer(("127.0.0.1", 2525), Sink).serve_forever()
"""


def postfix(lab: Lab) -> None:
    """Postfix: mail in and out; refused relays, dead hosts, full mailboxes, broken maps."""
    cert, key = lab.certificate()
    lab.write(
        "transport",
        "dead.test smtp:[127.0.0.1]:9\nodd.test nonsense:\nfar.test smtp:[127.0.0.1]:2525\n",
    )
    lab.write(
        "aliases", "staff root, bin\npostmaster root\nlost /none/dir/file\npiped |/bin/false\n"
    )
    lab.write(
        "/etc/postfix/main.cf",
        "compatibility_level = 3.6\nmydestination = localhost, $myhostname\n",
    )
    lab.folder("/var/mail").chmod(0o1777)
    settings = {**POSTFIX, "smtpd_tls_cert_file": str(cert), "smtpd_tls_key_file": str(key)}
    lab.run("postconf", "-e", *(f"{name}={value}" for name, value in settings.items()))
    lab.start("/usr/bin/python3", "-c", SINK, keep=False)
    lab.syslog()
    lab.collect("/var/log/mail.log")
    for number in range(3):
        if number == 1:
            lab.run("postconf", "-X", "maillog_file")
        if number == 2:
            lab.run("postconf", "-e", "debug_peer_list=0.0.0.0/0", "smtpd_tls_loglevel=1")
        with lab.healthy():
            lab.run("postfix", "check", timeout=15)
            lab.run("postfix", "start", timeout=15)
            lab.listening(25)
            _deliver(lab)
            lab.run("postqueue", "-p")
            lab.run("postfix", "reload", timeout=15)
            lab.pause(1)
            _deliver(lab)
            lab.pause(1.5)
        _trouble_postfix(lab)
        with lab.healthy():
            _deliver(lab)
            lab.pause(1)
            lab.run("postfix", "stop", timeout=15)
    with lab.fault("bad-config"):
        lab.run("postfix", "stop", timeout=9)
        lab.run("postconf", "-e", "nonsense=1", "inet_protocols=x,y")
        lab.run("postfix", "check")
        lab.run("postfix", "start", timeout=9)
        lab.run("postconf", "-e", "inet_protocols=ipv4", "content_filter=x:", "myhostname=")
        lab.run("postfix", "start", timeout=9)
        lab.run("postmap", lab.write("map", "nokey\na b\na b\na c\n"))
        lab.run("postfix", "stop", timeout=9)
        lab.write("/etc/postfix/master.cf", "smtp inet n - y - - \nnonsense\n")
        lab.run("postfix", "start", timeout=9)
        lab.run("postalias", "/none")


def _deliver(lab: Lab) -> None:
    """Letters to people here and elsewhere, by SMTP and by sendmail."""
    for rcpt in ("root@localhost", "staff@localhost", "b@far.test"):
        lab.run("sendmail", "-f", f"{lab.rng.choice(('root', 'bin'))}@localhost", rcpt, timeout=3)
    for person in (b"root@localhost", b"postmaster@localhost"):
        lab.talk(25, *(part.replace(b"root@localhost", person) for part in SMTP))
    lab.talk(25, b"EHLO monitor\r\n", b"NOOP\r\n", b"RSET\r\n", b"QUIT\r\n")
    client = "sleep 0.4; printf 'EHLO a\\r\\n'; sleep 0.3; printf 'QUIT\\r\\n'; sleep 0.3"
    tls = "openssl s_client -quiet -starttls smtp -connect 127.0.0.1:25"
    lab.run("sh", "-c", f"({client}) | {tls}", timeout=3, keep=False)


def _trouble_postfix(lab: Lab) -> None:
    """One fault after the other."""
    with lab.fault("protocol-error"):
        for odd in SMTP_ODD:
            lab.talk(25, *odd)
    with lab.fault("relay-refused"):
        for words in RELAY:
            lab.talk(25, *words)
    with lab.fault("undeliverable"):
        for rcpt in ("nobody9@localhost", "b@odd.test", "c@no.invalid", "lost@localhost"):
            lab.run("sendmail", "-f", "root@localhost", rcpt, "piped@localhost", timeout=3)
        lab.pause(2)
    with lab.fault("backend-down"):
        for rcpt in ("a@dead.test", "b@dead.test"):
            lab.run("sendmail", "-f", "root@localhost", rcpt, timeout=3)
        lab.pause(4.5)
        lab.run("postfix", "flush")
        lab.run("postqueue", "-p")
    lab.run("postsuper", "-d", "ALL", keep=False)
    with lab.fault("bad-config"):
        lab.run("postconf", "-e", "virtual_alias_maps=hash:/srv/app/none")
        lab.run("postfix", "reload")
        lab.run("sendmail", "-f", "root@localhost", "root@localhost", timeout=3)
        lab.talk(25, *SMTP)
        lab.pause(1)
        lab.run("postconf", "-X", "virtual_alias_maps")
        lab.run("postfix", "reload")
        lab.pause(1)
    with lab.fault("crash"):
        lab.run("pkill", "-9", "smtpd", keep=False)
        lab.run("pkill", "-11", "qmgr", keep=False)
        lab.talk(25, *SMTP[:2])
        lab.pause(1)
    with lab.fault("address-in-use"):
        lab.run("postfix", "start", timeout=15)
    lab.run("postsuper", "-d", "ALL", keep=False)
    lab.pause(1)


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
IMAP = (
    b"a LOGIN alice secret\r\n",
    b"b SELECT INBOX\r\n",
    b"c CREATE archive\r\n",
    b"d APPEND INBOX {24}\r\n",
    b"Subject: hi\r\n\r\nhello\r\n\r\n\r\n",
    b"e FETCH 1 (FLAGS BODY[])\r\n",
    b"f COPY 1 archive\r\n",
    b"g STORE 1 +FLAGS (\\Deleted)\r\n",
    b"h EXPUNGE\r\n",
    b"i SEARCH ALL\r\n",
    b"j SELECT archive\r\n",
    b"k DELETE archive\r\n",
    b"l LOGOUT\r\n",
)
POP = (b"USER alice\r\n", b"PASS secret\r\n", b"STAT\r\n", b"LIST\r\n", b"UIDL\r\n", b"QUIT\r\n")


def dovecot(lab: Lab) -> None:
    """Dovecot: IMAP and POP3 sessions; broken indexes, missing rights, bad settings."""
    cert, key = lab.certificate()
    text = DOVECOT % (cert, key)
    lab.write("users", "alice:{PLAIN}secret\nbob:{NONE}x\nbroken\ngit:{SSHA}zz\n")
    lab.folder("mail", "nobody")
    lab.collect("/var/log/dovecot*.log")
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense = 1",
            "ssl_cert = </none",
            "passdb {",
            "mail_location = x:y",
            "protocols = q",
            "service imap {\n executable = /none\n}",
            "default_login_user = nobody9",
            "listen = 1.2.3.4",
        ):
            lab.run("dovecot", "-F", "-c", lab.write("b.conf", f"{text}\n{wrong}\n"), timeout=3)
    quiet = text.replace("_debug = yes", "_debug = no").replace("verbose_ssl = yes\n", "")
    for log, flavour in (("/var/log/dovecot.log", text), ("syslog", quiet)):
        if log == "syslog":
            lab.syslog()
        extra = f"log_path = {log}\ninfo_log_path = {log}\n"
        config = lab.write("d.conf", flavour + extra)
        with lab.healthy():
            server = lab.start("dovecot", "-F", "-c", config)
            lab.listening(143)
            for _ in range(2):
                lab.talk(143, *IMAP)
                lab.talk(110, *POP)
                lab.talk(993, *IMAP, tls=True)
            lab.talk(143, b"a CAPABILITY\r\n", b"b LOGOUT\r\n")
            lab.run("doveadm", "-c", config, "-v", "index", "-u", "alice", "*")
            lab.run("doveadm", "-c", config, "reload")
            lab.pause(1)
            lab.talk(143, *IMAP)
        _trouble_dovecot(lab)
        with lab.healthy():
            lab.talk(143, *IMAP)
            lab.talk(110, *POP)
            lab.stop(server)


def _trouble_dovecot(lab: Lab) -> None:
    """One fault after the other."""
    with lab.fault("corrupt-data"):
        for name in ("dovecot.index.log", "dovecot.index.cache"):
            lab.write(f"mail/alice/{name}", lab.rng.randbytes(500))
        lab.write("mail/alice/dovecot-uidlist", "nonsense\n")
        lab.talk(143, *IMAP)
    with lab.fault("access-denied"):
        lab.folder("mail/alice/cur").chmod(0o000)
        lab.folder("mail/alice/new").chmod(0o000)
        lab.talk(143, *IMAP)
        lab.talk(110, *POP)
        for name in ("cur", "new"):
            (lab.dir / "mail/alice" / name).chmod(0o777)
    with lab.fault("refused-login"):
        for user in ("bob", "git", lab.user(), "alice"):
            lab.talk(143, f"a LOGIN {user} wrong\r\n".encode(), wait=2.2)
            lab.talk(110, f"USER {user}\r\n".encode(), b"PASS x\r\n", b"QUIT\r\n")
    with lab.fault("protocol-error"):
        lab.talk(143, b"GET / HTTP/1.0\r\n\r\n" * 30)
        lab.talk(143, *(b"x NONSENSE\r\n" for _ in range(12)))
        lab.talk(110, *(b"NONSENSE\r\n" for _ in range(5)))
    with lab.fault("tls-error"):
        lab.talk(993, b"plain\r\n")
        lab.talk(993, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600))
    with lab.fault("address-in-use"):
        lab.run("dovecot", "-F", "-c", lab.dir / "d.conf", timeout=3)
    with lab.fault("crash"):
        lab.run("pkill", "-9", "auth", keep=False)
        lab.talk(143, *IMAP[:2])
        lab.run("pkill", "-11", "imap", keep=False)
        lab.run("doveadm", "-c", lab.dir / "d.conf", "-v", "index", "-u", "nobody9", "*")
        lab.pause(1)


SERVICES = (
    Service("postfix", ("postfix", "rsyslog"), postfix, 140),
    Service("dovecot", ("dovecot-imapd", "dovecot-pop3d", "rsyslog"), dovecot, 100),
)
