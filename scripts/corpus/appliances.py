"""Chat, filters, registries, tunnels and automation: more dialects of the same troubles."""

import socket

from corpus.lab import LEVELS, Lab, Service
from corpus.logins import scan
from corpus.names import BROKEN_ZONES, ZONE, queries
from corpus.web import storm

XMPP = (
    b"<stream:stream to='a.test' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
    b" version='1.0'>",
    b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAYg==</auth>",
    b"<nonsense></broken>",
)


def chat(lab: Lab) -> None:
    """Prosody and ejabberd: refused logins, broken XML, unknown hosts, bad configuration."""
    lab.folder("prosody", "prosody")
    text = (
        'modules_enabled = { "saslauth", "tls", "disco", "none", "posix" }\n'
        'log = { debug = "*console" }\n'
        'authentication = "internal_hashed"\ndata_path = "/srv/app/prosody"\n'
        'interfaces = { "127.0.0.1" }\n'
        "allow_unencrypted_plain_auth = true\nc2s_require_encryption = false\n"
        'pidfile = "/srv/app/prosody/p"\n'
        'certificates = "/none"\n%s\nVirtualHost "a.test"\n'
    )
    with lab.fault("bad-config"):
        for wrong in (
            "nonsense(",
            'storage = "none"',
            'authentication = "none"',
            'Include "/none"',
        ):
            config = lab.write("b.lua", text % wrong)
            lab.run("prosody", "-F", "--config", config, user="prosody", timeout=2)
    with lab.healthy():
        server = lab.start(
            "prosody", "-F", "--config", lab.write("p.lua", text % ""), user="prosody"
        )
        lab.listening(5222)
    for chunks in (
        XMPP,
        XMPP[2:],
        (b"GET / HTTP/1.0\r\n\r\n",),
        (XMPP[0].replace(b"a.test", b"b"),),
    ):
        lab.talk(5222, *chunks)
        lab.talk(5269, *chunks)
    lab.run("prosody", "-F", "--config", lab.dir / "p.lua", user="prosody", timeout=2)
    lab.signal_named("lua5.4", 1)
    lab.pause()
    lab.stop(server)
    _ejabberd(lab)


def _ejabberd(lab: Lab) -> None:
    socket.sethostname("node")
    lab.write("/etc/hosts", "127.0.0.1 localhost node\n")
    lab.folder("/var/lib/ejabberd", "ejabberd")
    lab.folder("/var/log/ejabberd", "ejabberd")
    lab.collect("/var/log/ejabberd/*.log")
    lab.folder("/run/ejabberd", "ejabberd")
    good = (
        "hosts: [a.test]\nloglevel: debug\nlisten:\n"
        '  - {port: 5222, ip: "127.0.0.1", module: ejabberd_c2s}\n'
    )
    for text in (good, good + "nonsense: 1\n", good + "hosts: [\n", good.replace("debug", "loud")):
        config = lab.write("/srv/app/ejabberd.yml", text)
        env = {
            "EJABBERD_CONFIG_PATH": str(config),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "HOME": "/var/lib/ejabberd",
        }
        with lab.healthy():
            server = lab.start("ejabberdctl", "foreground", user="ejabberd", env=env)
        if text == good and lab.listening(5222, 12):
            for chunks in (XMPP, XMPP[2:], (b"GET / HTTP/1.0\r\n\r\n",)):
                lab.talk(5222, *chunks)
        lab.pause(3)
        lab.stop(server)


def filters(lab: Lab) -> None:
    """rspamd, OpenDKIM and Icecast: broken messages, dead helpers, bad rules, bad sources."""
    lab.syslog(LEVELS)
    base = (
        'options { pidfile = "/srv/app/r.pid"; dns { nameserver = ["127.0.0.1:9"]; '
        "timeout = 0.3s; } }\n"
        'logging { type = "console"; level = "debug"; }\n'
        'worker "normal" { bind_socket = "127.0.0.1:11333"; count = 1; }\n'
        'worker "controller" { bind_socket = "127.0.0.1:11334"; password = "x"; }\n'
        'redis { servers = "127.0.0.1:9"; }\nmodules { path = "/usr/share/rspamd/plugins"; }\n'
    )
    with lab.fault("bad-config"):
        for wrong in ("nonsense {", 'worker "none" { }\n', 'options { dns { timeout = "x"; } }\n'):
            lab.run("rspamd", "-f", "-i", "-c", lab.write("b.conf", base + wrong), timeout=3)
    server = lab.start("rspamd", "-f", "-i", "-c", lab.write("r.conf", base))
    lab.listening(11333)
    mails = (
        b"",
        b"Subject: hi\r\n\r\nbody",
        b"From: a\r\nContent-Type: multipart/x; boundary=q\r\n\r\n--q\r\n",
    )
    for mail in (*mails, lab.rng.randbytes(500), b"Content-Transfer-Encoding: base64\r\n\r\n!!!"):
        lab.http(11333, "/checkv2", "POST", mail)
        lab.http(11334, "/learnspam", "POST", mail)
    storm(lab, 11334, 2)
    lab.run("rspamd", "-f", "-i", "-c", lab.dir / "r.conf", timeout=2)
    with lab.fault("crash"):
        lab.kill_child(server.pid, 11)
    lab.stop(server)
    dkim = ("opendkim", "-f", "-l", "-x")
    good = (
        "Syslog yes\nSocket inet:8891@127.0.0.1\nMode sv\nDomain a.test\nSelector s\nKeyFile %s\n"
    )
    key = lab.write("key", "nonsense\n", 0o666)
    for text in (good % key, good % "/none", "Nonsense 1\n", "Socket none\n"):
        lab.run(*dkim, lab.write("dkim.conf", text), timeout=2)
    _icecast(lab)


def _icecast(lab: Lab) -> None:
    text = (
        "<icecast><hostname>x</hostname><limits><clients>4</clients><sources>1</sources><source-timeout>1"
        "</source-timeout></limits><authentication><source-password>s</source-password><admin-user>a"
        "</admin-user><admin-password>b</admin-password></authentication><listen-socket><port>8000</port>"
        "</listen-socket><paths><logdir>/var/log/icecast2</logdir><webroot>/none</webroot></paths><logging>"
        "<accesslog>access.log</accesslog><errorlog>error.log</errorlog><loglevel>4</loglevel></logging>"
        "<security><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>%s"
    )
    lab.folder("/var/log/icecast2", "nobody")
    lab.collect("/var/log/icecast2/*")
    for end in (
        "</icecast>",
        "<relay><server>127.0.0.1</server><port>9</port></relay></icecast>",
        "</broken>",
    ):
        server = lab.start("icecast2", "-c", lab.write("i.xml", text % end))
        if lab.listening(8000, 2):
            storm(lab, 8000, 2)
            lab.http(8000, "/live", "SOURCE", b"x", headers={"Authorization": "Basic c291cmNlOng="})
            lab.http(
                8000, "/live", "PUT", b"x" * 99, headers={"Authorization": "Basic c291cmNlOnM="}
            )
        lab.stop(server)


def registry(lab: Lab) -> None:
    """A container registry as text and JSON: unknown manifests, bad uploads, a full disk."""
    full = lab.tiny_disk("full", "32k")
    text = (
        "version: 0.1\nlog: {level: debug, formatter: %s}\n"
        "storage: {filesystem: {rootdirectory: %s}}\n"
        "http: {addr: '127.0.0.1:5000'}\nhealth: {storagedriver: {enabled: true, interval: 1s}}\n%s"
    )
    with lab.fault("bad-config"):
        for wrong in (
            "auth: {none: {}}\n",
            "nonsense: {",
            "proxy: {remoteurl: 'http://no.invalid'}\n",
            "redis: 5\n",
        ):
            config = lab.write("b.yml", text % ("text", full, wrong))
            lab.run("docker-registry", "serve", config, timeout=2)
    for style in ("text", "json", "logstash"):
        config = lab.write("r.yml", text % (style, full, ""))
        with lab.healthy():
            server = lab.start("docker-registry", "serve", config)
            lab.listening(5000)
            for path in ("/v2/", "/v2/_catalog", "/v2/?n=1"):
                lab.http(5000, path)
        for path in (
            "/v2/",
            "/v2/app/manifests/1",
            "/v2/APP/tags/list",
            "/v2/app/blobs/sha256:0",
            "/v2/_catalog",
        ):
            lab.http(5000, path)
        lab.http(5000, "/v2/app/manifests/1", "PUT", b"{nonsense")
        for size in (1000, 90000):
            lab.http(5000, "/v2/app/blobs/uploads/?digest=sha256:00", "POST", b"x" * size)
        lab.run("docker-registry", "serve", config, timeout=2)
        lab.stop(server)


def tunnels(lab: Lab) -> None:
    """strongSwan's charon, PowerDNS, radvd, pgpool and D-Bus with nothing to talk to."""
    lab.syslog(LEVELS)
    lab.write(
        "/etc/strongswan.d/lab.conf",
        "charon {\n filelog {\n stdout {\n default = 2\n time_format = %b %e %T\n"
        " ike_name = yes\n }\n }\n}\n",
    )
    scan(lab, ("/usr/lib/ipsec/charon", "--use-syslog", "--debug-ike", "2"), 500, ("--nonsense",))
    lab.write("good.zone", ZONE)
    lab.write("bad.zone", BROKEN_ZONES[1])
    lab.write(
        "bind.conf",
        'zone "example.test" { type master; file "/srv/app/good.zone"; };\n'
        'zone "bad.test" { type master; file "/srv/app/bad.zone"; };\n'
        'zone "gone.test" { type master; file "/none"; };\n',
    )
    pdns = (
        *(
            "pdns_server",
            "--no-config",
            "--launch=bind",
            "--bind-config=/srv/app/bind.conf",
            "--loglevel=9",
        ),
        *(
            "--local-address=127.0.0.1",
            "--local-port=5305",
            "--socket-dir=/srv/app",
            "--daemon=no",
            "--guardian=no",
        ),
        *("--disable-syslog", "--log-dns-queries", "--log-dns-details", "--write-pid=no"),
    )
    server = lab.start(*pdns)
    lab.listening(5305, 4)
    queries(lab, 5305)
    lab.run(*pdns, timeout=2)
    lab.stop(server)
    with lab.fault("bad-config"):
        for wrong in ("--launch=none", "--nonsense=1", "--local-port=x", "--bind-config=/none"):
            lab.run(*pdns, wrong, timeout=2)
    for text in (
        "interface eth9 { AdvSendAdvert on; };\n",
        "interface lo { nonsense; };\n",
        "interface\n",
    ):
        lab.run(
            "radvd", "-n", "-d", "5", "-m", "stderr", "-C", lab.write("ra.conf", text), timeout=2
        )
    pool = (
        "port = 9999\nlisten_addresses = '127.0.0.1'\n"
        "backend_hostname0 = '127.0.0.1'\nbackend_port0 = 9\n"
    )
    pool += (
        "health_check_period = 1\nsocket_dir = '/srv/app'\n"
        "pcp_socket_dir = '/srv/app'\nsr_check_period = 1\n"
    )
    pool += "log_line_prefix = '%m: %a pid %p: '\nlog_connections = on\nlog_min_messages = debug1\n"
    with lab.fault("bad-config"):
        for wrong in ("", "port = x\n", "nonsense = 1\n", "backend_weight0 = -5\n"):
            config = lab.write("pgpool.conf", pool + f"pid_file_name = '/srv/app/pp'\n{wrong}")
            server = lab.start("pgpool", "-n", "-f", config, "-F", "/none", "-a", "/none")
            if not wrong and lab.listening(9999, 3):
                lab.run("psql", "-h", "127.0.0.1", "-p", "9999", "-U", lab.user(), "x", timeout=3)
                lab.talk(9999, b"GET / HTTP/1.0\r\n\r\n")
            lab.pause(2)
            lab.stop(server, 2)
    lab.run("dbus-daemon", "--system", "--nofork", "--nopidfile", timeout=2)
    lab.run(
        "dbus-daemon",
        "--config-file",
        lab.write("bus", "<busconfig><none/>"),
        "--nofork",
        timeout=2,
    )


PLAYBOOK = """
- hosts: all
  gather_facts: false
  connection: local
  tasks:
  - {name: ok, command: 'true'}
  - {name: fails, command: 'false', ignore_errors: true}
  - {name: gone, copy: {src: /none, dest: /srv/x}, ignore_errors: true}
  - {name: template, debug: {msg: '{{ missing.value }}'}, ignore_errors: true}
  - {name: port, wait_for: {host: 127.0.0.1, port: 9, timeout: 1}, ignore_errors: true}
  - {name: user, service: {name: none, state: started}, ignore_errors: true}
  - {name: old, command: 'echo x', args: {creates: /etc/passwd}}
  - {name: final, fail: {msg: disk is nearly full}}
"""


def automation(lab: Lab) -> None:
    """Ansible runs: unreachable hosts, failing tasks, undefined variables, syntax errors."""
    lab.write(
        "hosts",
        "[web]\nlocalhost\nno.invalid ansible_connection=ssh\n127.0.0.1 ansible_connection=ssh\n",
    )
    lab.collect("/srv/app/ansible.log")
    env = {
        "ANSIBLE_LOG_PATH": "/srv/app/ansible.log",
        "HOME": "/srv/app",
        "ANSIBLE_SSH_TIMEOUT": "1",
    }
    play = lab.write("p.yml", PLAYBOOK)
    for argv in (
        ("-i", "hosts", str(play)),
        ("-i", "localhost,", "-vvv", str(play)),
        ("-i", "none", str(play)),
    ):
        lab.run("ansible-playbook", *argv, env=env, timeout=40)
    with lab.fault("bad-config"):
        for wrong in (
            PLAYBOOK.replace("command", "commnd"),
            "- hosts: [",
            PLAYBOOK.replace("tasks", "tsks"),
            "x: y",
        ):
            lab.run(
                "ansible-playbook",
                "-i",
                "localhost,",
                lab.write("b.yml", wrong),
                env=env,
                timeout=15,
            )


SERVICES = (
    Service("chat", ("prosody", "ejabberd"), chat, 60),
    Service("filters", ("rsyslog", "rspamd", "opendkim", "icecast2"), filters, 60),
    Service("registry", ("docker-registry",), registry),
    Service(
        "tunnels",
        (
            "rsyslog",
            "strongswan-charon",
            "pdns-server",
            "pdns-backend-bind",
            "radvd",
            "pgpool2",
            "dbus",
        ),
        tunnels,
        60,
    ),
    Service("automation", ("ansible-core",), automation, 90),
)
