"""Programs in Python, JavaScript, PHP and Perl: their loggers, tracebacks and servers."""

from corpus.lab import Lab, Service
from corpus.web import ATTACKS, storm

STYLES = (
    "%(asctime)s %(levelname)s %(name)s: %(message)s",
    "%(levelname)s:%(name)s:%(message)s",
    "json",
    "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s",
    "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
    "%(asctime)s.%(msecs)03d %(process)d %(levelname)-8s %(module)s:%(lineno)d] %(message)s",
    "%(asctime)s %(name)s: %(message)s",
    "%(message)s",
    "[%(process)d] %(asctime)s %(threadName)s %(message)s",
    "%(created)d %(name)s[%(process)d]: %(message)s",
)


def python(lab: Lab) -> None:
    """Python's logging in six layouts, WSGI and ASGI servers, Celery: errors and dead workers."""
    program = lab.write("app.py", lab.sample("app.py.txt"))
    routine = lab.write("routine.py", lab.sample("routine.py.txt"))
    for seed, style in enumerate(STYLES):
        with lab.healthy(0.1):
            lab.run("/usr/bin/python3", routine, style, str(seed))
        with lab.fault("failing-job", 0.1):
            lab.run("/usr/bin/python3", "-W", "default", program, style)
    lab.folder("q")
    lab.write("jobs.py", lab.sample("jobs.py.txt"))
    lab.write("web.py", lab.sample("web.py.txt"))
    lab.write("broken.py", "def x(:\n")
    servers = (
        (
            "gunicorn",
            "--log-level",
            "debug",
            "-t",
            "1",
            "-w",
            "2",
            "-b",
            "127.0.0.1:80",
            "--access-logfile",
            "-",
        ),
        (
            "uwsgi",
            "--plugin",
            "python3",
            "--http-socket",
            "127.0.0.1:80",
            "--master",
            "--harakiri",
            "1",
            "-p",
            "2",
            "--stats",
            "127.0.0.1:81",
            "--memory-report",
        ),
    )
    for argv in servers:
        target = ("web:app",) if argv[0] == "gunicorn" else ("--wsgi", "web:app")
        with lab.healthy():
            server = lab.start(*argv, *target)
            lab.listening(80)
            _visits(lab)
            lab.signal_named(argv[0], 1)
            lab.pause(1)
            _visits(lab)
        with lab.fault("crash"):
            for path in ("/app", "/loop", "/slow/", "/app", "/up/"):
                lab.http(80, path, timeout=2)
            lab.kill_child(server.pid, 9)
            lab.pause(1)
        storm(lab, 80, 2)
        with lab.healthy():
            _visits(lab)
            lab.stop(server)
        with lab.fault("bad-config"):
            for wrong in ("none:app", "broken:app", "web:none"):
                lab.run(*argv, *target[:-1], wrong, timeout=2)
    for plain in (
        ("uvicorn", "--port", "80", "--log-level", "trace", "web:asgi"),
        ("/usr/bin/python3", "-m", "http.server", "80"),
    ):
        with lab.healthy():
            server = lab.start(*plain)
            lab.listening(80)
            _visits(lab)
        with lab.fault("protocol-error"):
            for path in ("/app", "/up/"):
                lab.http(80, path)
            for attack in ATTACKS:
                lab.talk(80, attack, wait=0.05)
        with lab.fault("port-in-use"):
            lab.run(*plain, timeout=3)
        lab.stop(server, 2)
    _celery(lab)


def _visits(lab: Lab) -> None:
    """Requests that are answered well."""
    for path in ("/", "/web.py", "/routine.py", "/jobs.py", "/?page=2", "/q/"):
        lab.http(80, path)


def _celery(lab: Lab) -> None:
    call = ("celery", "-A", "jobs", "call")
    with lab.healthy():
        worker = lab.start("celery", "-A", "jobs", "worker", "-l", "DEBUG", "-c", "2")
        lab.pause(3)
        for number in range(4):
            lab.run(*call, "jobs.good", "-a", f"[{number}]", keep=False)
        lab.pause(1)
    with lab.fault("failing-job"):
        for name in ("bad", "retried", "slow", "dies", "unknown"):
            lab.run(*call, f"jobs.{name}", keep=False)
        lab.pause(4)
    lab.stop(worker)
    with lab.fault("backend-down"):
        lab.run("celery", "-A", "none", "worker", timeout=4)
        lab.run("celery", "-b", "amqp://127.0.0.1:9//", "-A", "jobs", "worker", timeout=4)


PHP = (
    "<?php echo $x; $a = [1]; echo $a[9]; include 'none.php'; trigger_error('stock is "
    "low', E_USER_WARNING);",
    "<?php function f(int $x) {} f('a');",
    "<?php nothing();",
    "<?php echo 1/0;",
    "<?php if (",
    "<?php str_repeat('x', 1<<40);",
    "<?php set_time_limit(1); while (1);",
    "<?php new PDO('none:x');",
    "<?php throw new RuntimeException('order is void');",
    "<?php file_get_contents('http://127.0.0.1:9/'); fopen('/none/x', 'w'); "
    "unserialize('x'); json_decode('{', flags: JSON_THROW_ON_ERROR);",
    "<?php error_log('payment gateway timed out'); exit(3);",
    "<?php ini_set('memory_limit', '2M'); $a = range(1, 1e6);",
)


def scripts(lab: Lab) -> None:
    """Node in four styles, PHP and Perl: uncaught errors, refused upstreams, killed workers."""
    program = lab.write("server.js", lab.sample("server.js"))
    for style in ("pino", "winston", "plain", "raw"):
        server = lab.start("node", program, style)
        lab.listening(80)
        with lab.healthy():
            for path in ("/", "/index.html", "/api/orders?page=2", "/list/", "/favicon.ico"):
                lab.http(80, path)
        with lab.fault("failing-upstream"):
            for path in ("/app", "/up/", "/missing", "/loop", "/admin"):
                lab.http(80, path)
            for attack in ATTACKS[:8]:
                lab.talk(80, attack, wait=0.05)
        lab.stop(server)
    with lab.fault("crash"):
        _broken_programs(lab)
    _php(lab)


def _broken_programs(lab: Lab) -> None:
    """Programs in JavaScript and Perl that don't compile, die or run out of memory."""
    for text in (
        "x = ;",
        "require('none')",
        "JSON.parse('{')",
        "Buffer.alloc(1e12)",
        "throw 5",
        "a()",
        "import x from 'y'",
    ):
        lab.run("node", lab.write("b.js", text))
    lab.run(
        "node",
        "--max-old-space-size=12",
        "-e",
        "let a=[]; for(;;) a.push('x'.repeat(999))",
        timeout=8,
    )
    lab.write(
        "package.json", '{"name": "x", "dependencies": {"y": "1"}, "scripts": {"build": "exit 2"}}'
    )
    lab.run("npm", "run", "build", timeout=8)
    lab.run("npm", "install", "--registry", "http://127.0.0.1:9", "--fetch-retries=0", timeout=8)
    for text in (
        "use strict; $x = 1;",
        "die 'no space'",
        "open(F, '<', '/none') or warn \"cannot: $!\"; undef->x",
        "use None;",
    ):
        lab.run("perl", "-w", "-e", text)


def _php(lab: Lab) -> None:
    """PHP's own server and process manager: pages served, scripts that fail, unusable pools."""
    lab.write("fine.php", "<?php error_log('order ' . rand() . ' stored'); echo 'ok';")
    with lab.healthy():
        server = lab.start("php", "-d", "log_errors=1", "-S", "127.0.0.1:8000")
        lab.listening(8000)
        for path in ("/fine.php", "/routine", "/fine.php?a=1"):
            lab.http(8000, path)
        lab.stop(server)
    with lab.fault("failing-script"):
        _php_errors(lab)
    _fpm(lab)


def _php_errors(lab: Lab) -> None:
    for number, text in enumerate(PHP):
        lab.write(f"p{number}.php", text)
        lab.run("php", "-d", "display_errors=stderr", lab.dir / f"p{number}.php", timeout=4)
    server = lab.start("php", "-d", "log_errors=1", "-S", "127.0.0.1:8000")
    lab.listening(8000)
    for number in range(len(PHP)):
        lab.http(8000, f"/p{number}.php")
    lab.stop(server)


def _fpm(lab: Lab) -> None:
    pool = (
        "[global]\nerror_log = /var/log/fpm.log\nlog_level = debug\n[www]\n"
        "user = nobody\nlisten = 127.0.0.1:9000\npm = dynamic\n"
    )
    pool += (
        "pm.max_children = 2\npm.start_servers = 1\npm.min_spare_servers = 1\n"
        "pm.max_spare_servers = 2\nslowlog = /var/log/slow\n"
    )
    lab.collect("/var/log/fpm.log")
    config = lab.write("f.conf", pool)
    with lab.healthy():
        server = lab.start("php-fpm8.2", "-F", "-O", "-y", config)
        lab.listening(9000)
        lab.signal_named("php-fpm8.2", 10)
        lab.pause(1)
    with lab.fault("crash"):
        lab.kill_child(server.pid, 11)
        lab.crowd(9000, 6)
        lab.run("php-fpm8.2", "-F", "-y", config, timeout=2)
    with lab.healthy():
        lab.stop(server, 3)
    with lab.fault("bad-config"):
        for wrong in ("nonsense = 1", "pm = none", "user = nobody9", "listen = x:y:z"):
            bad = lab.write("b.conf", f"{pool}{wrong}\n")
            lab.run("php-fpm8.2", "-F", "-y", bad, timeout=2)


SERVICES = (
    Service("python", ("gunicorn", "uwsgi-plugin-python3", "uvicorn", "celery"), python, 120),
    Service("scripts", ("nodejs", "php8.2-cli", "php8.2-fpm"), scripts, 75),
)
