"""What watches, queues and schedules: monitoring, brokers, cluster and container services."""

import shutil
import socket
from pathlib import Path

from corpus.lab import Lab, Service

PROMETHEUS = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [/srv/app/rules.yml]
alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:9093']}]}]}
remote_write: [{url: 'http://127.0.0.1:9/write'}]
scrape_configs:
- {job_name: self, static_configs: [{targets: ['127.0.0.1:9090', '127.0.0.1:9', 'no.invalid:1']}]}
- {job_name: odd, static_configs: [{targets: ['127.0.0.1:8082']}]}
- {job_name: files, file_sd_configs: [{files: ['/srv/app/sd*.json']}]}
- {job_name: dns, dns_sd_configs: [{names: ['_x._tcp.no.invalid']}]}
"""
RULES = """
groups:
- name: lab
  rules:
  - {alert: Down, expr: up == 0, labels: {severity: page}}
  - {alert: Odd, expr: 'up * on(job) group_left up'}
  - {record: 'a:b', expr: 'label_replace(up, "job", "x", "", "")'}
"""
ODD_METRICS = """
import http.server
BODIES = [b"a 1\\na 1\\n", b"nonsense {\\n", b"b{x='y'} z\\n", b"c 1 5\\nc 2 4\\n"]
class Odd(http.server.BaseHTTPRequestHandler):
    count = 0
    def do_GET(self):
        Odd.count += 1
        self.send_response(500 if Odd.count % 5 == 0 else 200)
        self.end_headers()
        self.wfile.write(BODIES[Odd.count % 4])
http.server.HTTPServer(("127.0.0.1", 8082), Odd).serve_forever()
"""


def prometheus(lab: Lab) -> None:
    """Prometheus in logfmt and JSON: dead targets, bad rules, a damaged block and log."""
    config = lab.write("p.yml", PROMETHEUS)
    lab.write("rules.yml", RULES)
    lab.write("sd1.json", "[nonsense")
    for wrong in (
        "x: [",
        "global: {scrape_interval: fast}",
        "scrape_configs: [{}]",
        "nonsense: 1",
        "rule_files: ['[']",
        "scrape_configs: [{job_name: a}, {job_name: a}]",
    ):
        broken = lab.write("b.yml", wrong + "\n")
        lab.run(
            "prometheus", f"--config.file={broken}", "--storage.tsdb.path=/srv/app/b", timeout=2
        )
        lab.run("promtool", "check", "config", broken)
    lab.run(
        "promtool", "check", "rules", lab.write("b.rules", "groups: [{name: a, rules: [{x: 1}]}]")
    )
    lab.start("/usr/bin/python3", "-c", ODD_METRICS, keep=False)
    for style, level in (("logfmt", "debug"), ("json", "info")):
        argv = (
            "prometheus",
            f"--config.file={config}",
            "--storage.tsdb.path=/srv/app/tsdb",
            "--web.listen-address=127.0.0.1:9090",
            "--web.enable-lifecycle",
            f"--log.format={style}",
            f"--log.level={level}",
            "--query.timeout=1ms",
        )
        server = lab.start(*argv)
        lab.listening(9090)
        lab.pause(4)
        lab.run(*argv, timeout=2)
        lab.http(9090, "/api/v1/query?query=sum(rate(up[5m]))by(x)")
        lab.http(9090, "/api/v1/query?query=sum(((")
        lab.write("rules.yml", "groups: [")
        lab.http(9090, "/-/reload", "POST")
        lab.write("rules.yml", RULES)
        lab.http(9090, "/-/reload", "POST")
        lab.pause(1)
        lab.stop(server, 9 if style == "logfmt" else 15)
        for file in (lab.dir / "tsdb/wal").glob("0*"):
            file.write_bytes(file.read_bytes()[:5000] + lab.rng.randbytes(40000))
    lab.folder("tsdb/01ABCDEFGHJKMNPQRSTVWXYZ00")
    lab.run(*argv, timeout=4)


def alertmanager(lab: Lab) -> None:
    """Alertmanager and node_exporter: receivers that refuse, peers that are gone."""
    text = (
        "route: {receiver: hook, group_wait: 0s, group_interval: 1s, repeat_interval: 1s}\n"
        "receivers:\n- name: hook\n  webhook_configs: [{url: 'http://127.0.0.1:9/'}]\n"
        "  email_configs: [{to: a@b.c, from: d@e.f, smarthost: '127.0.0.1:9'}]\n"
        "  slack_configs: [{api_url: 'http://no.invalid/', channel: x}]\n"
    )
    tool = "prometheus-alertmanager"
    for wrong in ("x", "route: {}", "route: {receiver: none}\nreceivers: []", text + "nonsense: 1"):
        lab.run(
            tool, "--config.file", lab.write("b.yml", wrong), "--storage.path=/srv/app/b", timeout=2
        )
    for style in ("logfmt", "json"):
        argv = (
            tool,
            "--config.file",
            str(lab.write("a.yml", text)),
            "--storage.path=/srv/app/am",
            "--web.listen-address=127.0.0.1:9093",
            "--cluster.listen-address=127.0.0.1:9094",
            "--cluster.peer=127.0.0.1:19",
            f"--log.format={style}",
            "--log.level=debug",
        )
        server = lab.start(*argv)
        lab.listening(9093)
        for body in (b'[{"labels":{"alertname":"Disk","host":"a"}}]', b"[nonsense", b"[{}]"):
            lab.http(
                9093, "/api/v2/alerts", "POST", body, headers={"Content-Type": "application/json"}
            )
        lab.run(*argv, timeout=2)
        lab.write("a.yml", "broken")
        lab.http(9093, "/-/reload", "POST")
        lab.pause(5)
        lab.stop(server)
        (lab.dir / "am").joinpath("nflog").write_bytes(b"damage")
        exporter = (
            "prometheus-node-exporter",
            "--web.listen-address=127.0.0.1:9100",
            f"--log.format={style}",
            "--log.level=debug",
            "--collector.systemd",
        )
        server = lab.start(*exporter)
        lab.listening(9100)
        lab.http(9100, "/metrics")
        lab.http(9100, "/metrics?collect[]=none")
        lab.run(*exporter, timeout=2)
        lab.stop(server)
        lab.run(*exporter, "--collector.none", timeout=2)


def rabbitmq(lab: Lab) -> None:
    """RabbitMQ: refused logins, broken frames, alarms of memory and disk, crash reports."""
    home = lab.folder("/var/lib/rabbitmq", "rabbitmq")
    lab.folder("/var/log/rabbitmq", "rabbitmq")
    lab.write("/etc/hosts", "127.0.0.1 localhost node\n::1 localhost\n")
    socket.sethostname("node")
    lab.write(
        "/etc/rabbitmq/rabbitmq.conf",
        (
            "listeners.tcp.1 = 127.0.0.1:5672\nlog.file.level = debug\nheartbeat = 1\n"
            "vm_memory_high_watermark.absolute = 400MB\ndisk_free_limit.absolute = 900TB\n"
            "loopback_users = none\nhandshake_timeout = 1000\n"
        ),
    )
    env = {"HOME": str(home), "RABBITMQ_NODENAME": "r@node", "ERL_EPMD_ADDRESS": "127.0.0.1"}
    lab.collect("/var/log/rabbitmq/*")
    server = lab.start("/usr/lib/rabbitmq/bin/rabbitmq-server", user="rabbitmq", env=env)
    lab.listening(5672, 30)
    for junk in (
        b"GET / HTTP/1.0\r\n\r\n",
        b"AMQP\0\0\x08\1",
        b"AMQP\0\1\0\0",
        b"AMQP\0\0\x09\1" + bytes(30),
    ):
        lab.talk(5672, junk)
    start = b"\0\0\0\0" + b"\5PLAIN" + b"\0\0\0\x0c\0guest\0wrong!" + b"\5en_US"
    method = b"\0\x0a\0\x0b" + start
    lab.talk(5672, b"AMQP\0\0\x09\1", b"\1\0\0" + len(method).to_bytes(4, "big") + method + b"\xce")
    control = "/usr/lib/rabbitmq/bin/rabbitmqctl"
    for words in (
        ("list_queues",),
        ("add_user", "a", "b"),
        ("delete_vhost", "none"),
        ("nonsense",),
        ("set_policy", "p", "(", "{}"),
        ("eval", "1/0."),
        ("eval", "spawn(fun() -> error(bad) end)."),
    ):
        lab.run(control, *words, user="rabbitmq", env=env, timeout=9)
    lab.run("/usr/lib/rabbitmq/bin/rabbitmq-server", user="rabbitmq", env=env, timeout=6)
    lab.pause(1)
    lab.stop(server)
    lab.write("/etc/rabbitmq/rabbitmq.conf", "nonsense = 1\nlisteners.tcp.1 = x\n")
    lab.run("/usr/lib/rabbitmq/bin/rabbitmq-server", user="rabbitmq", env=env, timeout=8)


def brokers(lab: Lab) -> None:
    """NATS and gearmand: protocol errors, refused logins, slow readers, unusable settings."""
    text = (
        "port: 4222\nhttp: 8222\ndebug: true\ntrace: true\nauthorization { user: a, password: b }\n"
    )
    text += (
        'max_payload: 100\nmax_connections: 5\nping_interval: "1s"\n'
        "jetstream { store_dir: /srv/app/js }\n"
    )
    text += 'cluster { name: c, port: 6222, routes: ["nats://127.0.0.1:9"] }\n'
    for wrong in (
        "port: x\n",
        "nonsense: 1\n",
        "{",
        "tls { cert_file: /none }\n",
        "max_payload: -1\n",
    ):
        lab.run("nats-server", "-c", lab.write("b.conf", text + wrong), timeout=2)
    server = lab.start("nats-server", "-c", lab.write("n.conf", text))
    lab.listening(4222)
    login = b'CONNECT {"user":"a","pass":"b","verbose":true}\r\n'
    for words in (
        b"PING\r\n",
        b"SUB a 1\r\n",
        b"PUB a 5\r\nhello\r\n",
        b"PUB a 900\r\n",
        b"NONSENSE\r\n",
        b"UNSUB x y z\r\n",
        b"SUB a..b 2\r\n",
    ):
        lab.talk(4222, login, words)
        lab.talk(4222, words)
    lab.crowd(4222, 9)
    lab.run("nats-server", "-c", lab.dir / "n.conf", timeout=2)
    lab.write("n.conf", text + "port: 4223\n")
    lab.signal_named("nats-server", 1)
    lab.pause(3)
    lab.stop(server)
    for flag in ("--port=x", "--queue-type=none", "--nonsense", "--log-file=/none/x"):
        lab.run("gearmand", flag, timeout=1.5)
    server = lab.start(
        "gearmand", "--log-file=stderr", "--verbose=DEBUG", "--listen=127.0.0.1", "-t", "2"
    )
    lab.listening(4730)
    for words in (
        b"status\n",
        b"nonsense\n",
        b"\0REQ\0\0\0\7\0\0\0\3a\0b",
        b"\0REQ\0\0\0\x63\0\0\0\0",
        b"workers\n",
    ):
        lab.talk(4730, words)
    lab.run("gearmand", "--log-file=stderr", "--listen=127.0.0.1", timeout=2)
    lab.stop(server)


def cluster(lab: Lab) -> None:
    """corosync, pacemaker, slurm, munge, FRR, Kea and containerd without their peers."""
    lab.syslog()
    lab.folder("/run/munge", "munge")
    lab.folder("/run/frr", "frr")
    lab.folder("/run/kea")
    lab.run("munged", "-F", "--key-file=/none", timeout=2)
    lab.start(
        "munged",
        "-F",
        "--force",
        "--key-file",
        lab.write("munge.key", lab.rng.randbytes(128), 0o600),
    )
    lab.write(
        "corosync.conf",
        "totem {\n version: 2\n cluster_name: lab\n transport: udpu\n token: 500\n}\n"
        "nodelist {\n node {\n ring0_addr: 127.0.0.1\n nodeid: 1\n }\n node {\n"
        " ring0_addr: 127.0.0.9\n"
        " nodeid: 2\n }\n}\nquorum {\n provider: corosync_votequorum\n}\nlogging {\n"
        " to_stderr: yes\n"
        " debug: on\n timestamp: on\n}\n",
    )
    lab.run("corosync", "-f", "-c", lab.dir / "corosync.conf", timeout=5)
    lab.run(
        "corosync", "-f", "-c", lab.write("b.conf", "totem {\n version: 9\n nonsense\n"), timeout=2
    )
    for tool in (
        "pacemakerd",
        "/usr/lib/pacemaker/pacemaker-based",
        "/usr/lib/pacemaker/pacemaker-schedulerd",
    ):
        lab.run(tool, "-VVV" if "/" in tool else "-V", timeout=3)
    lab.run("crm_verify", "-VVV", "-x", lab.write("cib.xml", "<cib><configuration/></cib>"))
    lab.write(
        "slurm.conf",
        "ClusterName=lab\nSlurmctldHost=localhost(127.0.0.1)\nSlurmUser=root\n"
        "StateSaveLocation=/srv/app/slurm\nSlurmdSpoolDir=/srv/app/spool\nProctrackType=proctrack/linuxproc\n"
        "SlurmctldTimeout=1\nNodeName=n[1-3] CPUs=99\nPartitionName=p Nodes=n[1-3] Default=YES\n"
        "AuthType=auth/munge\nReturnToService=0\nSlurmdTimeout=1\n",
    )
    conf = ("-f", str(lab.dir / "slurm.conf"))
    for command in (
        ("slurmctld", "-D", "-vvv", *conf),
        ("slurmd", "-D", "-vvv", "-N", "n1", *conf),
        ("slurmctld", "-D", "-f", str(lab.write("b.conf", "Nonsense=1\n"))),
    ):
        lab.run(*command, timeout=5)
    for daemon in ("zebra", "bgpd", "ospfd"):
        text = "hostname x\nrouter bgp 1\n neighbor 127.0.0.9 remote-as 2\nrouter ospf\nnonsense\n"
        config = lab.write(f"{daemon}.conf", text)
        shutil.chown(config, "frr")
        lab.run(
            f"/usr/lib/frr/{daemon}",
            "-f",
            config,
            "--log",
            "stdout",
            "--log-level",
            "debug",
            timeout=3,
        )
    for wrong in (
        '{"Dhcp4": {"nonsense": 1}}',
        "{",
        '{"Dhcp4": {"interfaces-config": {"interfaces": ["eth9"]},'
        '"lease-database": {"type": "memfile", "name": "/none/l"}, "subnet4": '
        '[{"subnet": "10.0.0.0/33"}]}}',
        '{"Dhcp4": {"interfaces-config": {"interfaces": ["lo"]}, "subnet4": [{"subnet": '
        '"10.0.0.0/8",'
        '"pools": [{"pool": "10.1.0.1-10.1.0.9"}]}]}}',
    ):
        lab.run("kea-dhcp4", "-d", "-c", lab.write("kea.json", wrong), timeout=3)
    settings = (
        'version = 2\nroot = "/srv/app/cd"\nstate = "/run/cd"\n[grpc]\n'
        'address = "/run/cd.sock"\n[debug]\nlevel="%s"\n'
    )
    for level in ("debug", "info"):
        server = lab.start("containerd", "-c", lab.write("c.toml", settings % level))
        lab.until(lambda: Path("/run/cd.sock").exists(), 4)
        for words in (
            ("run", "none", "x"),
            ("images", "pull", "127.0.0.1:9/x:1"),
            ("tasks", "kill", "x"),
        ):
            lab.run("ctr", "-a", "/run/cd.sock", *words, timeout=4)
        lab.stop(server)
    lab.run("containerd", "-c", lab.write("c.toml", "version = x"), timeout=2)


SERVICES = (
    Service("prometheus", ("prometheus",), prometheus),
    Service("alertmanager", ("prometheus-alertmanager", "prometheus-node-exporter"), alertmanager),
    Service("rabbitmq", ("rabbitmq-server",), rabbitmq, 75),
    Service("brokers", ("nats-server", "gearman-job-server"), brokers),
    Service(
        "cluster",
        (
            "rsyslog",
            "corosync",
            "pacemaker",
            "slurmctld",
            "slurmd",
            "munge",
            "frr",
            "kea-dhcp4-server",
            "containerd",
        ),
        cluster,
        75,
    ),
)
