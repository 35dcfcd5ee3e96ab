"""What watches, queues and schedules: monitoring, brokers, cluster and container services."""

import socket

from corpus.lab import Lab, Service

GOOD_PROMETHEUS = """
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [/srv/app/fine.rules]
scrape_configs:
- {job_name: self, static_configs: [{targets: ['127.0.0.1:9090']}]}
"""
GOOD_RULES = """
groups:
- name: fine
  rules: [{record: 'job:up', expr: 'sum(up) by (job)'}, {alert: Down, expr: up == 0}]
"""
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
    fine = lab.write("fine.yml", GOOD_PROMETHEUS)
    lab.write("fine.rules", GOOD_RULES)
    for style, level in (("logfmt", "debug"), ("json", "info")):
        with lab.healthy():
            server = lab.start(
                "prometheus",
                f"--config.file={fine}",
                f"--log.format={style}",
                f"--log.level={level}",
                "--storage.tsdb.path=/srv/app/fine",
                "--web.enable-lifecycle",
                "--web.listen-address=127.0.0.1:9090",
                "--storage.tsdb.min-block-duration=2s",
            )
            lab.listening(9090)
            lab.pause(5)
            for path in ("/api/v1/query?query=up", "/metrics", "/api/v1/targets", "/-/healthy"):
                lab.http(9090, path)
            lab.http(9090, "/-/reload", "POST")
            lab.run("promtool", "check", "config", fine)
            lab.pause(1)
            lab.stop(server)
    config = lab.write("p.yml", PROMETHEUS)
    lab.write("rules.yml", RULES)
    lab.write("sd1.json", "[nonsense")
    with lab.fault("bad-config"):
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
        with lab.fault("backend-down"):
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
    with lab.fault("damaged-state"):
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
    with lab.fault("bad-config"):
        for wrong in (
            "x",
            "route: {}",
            "route: {receiver: none}\nreceivers: []",
            text + "nonsense: 1",
        ):
            lab.run(
                tool,
                "--config.file",
                lab.write("b.yml", wrong),
                "--storage.path=/srv/app/b",
                timeout=2,
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
        with lab.healthy():
            server = lab.start(*argv)
            lab.listening(9093)
            lab.http(9093, "/api/v2/status")
            lab.http(9093, "/metrics")
            lab.pause(1)
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
        with lab.healthy():
            server = lab.start(*exporter)
            lab.listening(9100)
            lab.http(9093, "/api/v2/status")
            lab.http(9093, "/metrics")
            lab.pause(1)
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
            "vm_memory_high_watermark.absolute = 4GB\ndisk_free_limit.absolute = 1MB\n"
            "loopback_users = none\nhandshake_timeout = 1000\n"
        ),
    )
    env = {"HOME": str(home), "RABBITMQ_NODENAME": "r@node", "ERL_EPMD_ADDRESS": "127.0.0.1"}
    lab.collect("/var/log/rabbitmq/*")
    with lab.healthy():
        server = lab.start("/usr/lib/rabbitmq/bin/rabbitmq-server", user="rabbitmq", env=env)
        lab.listening(5672, 30)
        tool = "/usr/lib/rabbitmq/bin/rabbitmqctl"
        for fine in (
            "list_queues",
            "add_user alice secret",
            "add_vhost v",
            "list_users",
            "status",
            "set_permissions alice .* .* .*",
            "delete_user alice",
            "delete_vhost v",
            "cluster_status",
            "environment",
        ):
            lab.run(tool, *fine.split(), user="rabbitmq", env=env, timeout=9)
    with lab.fault("protocol-error"):
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
    with lab.fault("alarm"):
        for key, value in (("disk_free_limit", "900TB"), ("vm_memory_high_watermark", "0.00001")):
            lab.run(control, f"set_{key}", value, user="rabbitmq", env=env, timeout=9)
        lab.pause(2)
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
    with lab.fault("bad-config"):
        for wrong in (
            "port: x\n",
            "nonsense: 1\n",
            "{",
            "tls { cert_file: /none }\n",
            "max_payload: -1\n",
        ):
            lab.run("nats-server", "-c", lab.write("b.conf", text + wrong), timeout=2)
    with lab.healthy():
        server = lab.start("nats-server", "-c", lab.write("n.conf", text))
        lab.listening(4222)
        lab.pause(1)
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
    with lab.fault("connection-flood"):
        lab.crowd(4222, 9)
    lab.run("nats-server", "-c", lab.dir / "n.conf", timeout=2)
    lab.write("n.conf", text + "port: 4223\n")
    lab.signal_named("nats-server", 1)
    lab.pause(3)
    lab.stop(server)
    for flag in ("--port=x", "--queue-type=none", "--nonsense", "--log-file=/none/x"):
        lab.run("gearmand", flag, timeout=1.5)
    with lab.healthy():
        server = lab.start(
            "gearmand", "--log-file=stderr", "--verbose=DEBUG", "--listen=127.0.0.1", "-t", "2"
        )
        lab.listening(4730)
        lab.pause(1)
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


SERVICES = (
    Service("prometheus", ("prometheus",), prometheus, 90),
    Service("alertmanager", ("prometheus-alertmanager", "prometheus-node-exporter"), alertmanager),
    Service("rabbitmq", ("rabbitmq-server",), rabbitmq, 120),
    Service("brokers", ("nats-server", "gearman-job-server"), brokers, 75),
)
