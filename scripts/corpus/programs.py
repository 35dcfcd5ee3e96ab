"""Programs in Java, Python, JavaScript, PHP and C: their loggers, tracebacks and build errors."""

import os
from pathlib import Path

from corpus.lab import WORDS, Lab, Service
from corpus.web import ATTACKS, PROBES, storm

JAVA_BROKEN = (
    'class A { int f() { return "x"; } void g() { undefined(); int y; y++; } Missing m; }',
    "public class B { void f( { } }",
    "class C extends final { @Override void z() {} }",
    "import none.such.Thing; class D { java.util.List l = new java.util.ArrayList(); { "
    "l.add(1); throw new Exception(); } }",
)
FORMATS = (
    "%1$tF %1$tT.%1$tL %4$s [%2$s] %5$s%6$s%n",
    "%4$s: %5$s [%1$tc]%6$s%n",
    "[%1$tY-%1$tm-%1$td %1$tH:%1$tM:%1$tS] %4$-7s %3$s - %5$s %6$s%n",
    "%1$tb %1$td, %1$tY %1$tl:%1$tM:%1$tS %1$Tp %2$s%n%4$s: %5$s%6$s%n",
)


def sample(name: str) -> str:
    """A small program that fails in many ways, from the folder `samples`."""
    return (Path(__file__).parent / "samples" / name).read_text()


def java(lab: Lab) -> None:
    """java.util.logging in four layouts, the virtual machine's own log, crashes, javac errors."""
    lab.write("Orders.java", sample("Orders.java"))
    lab.run("javac", "-Xlint:all", "Orders.java", timeout=20)
    config = lab.write(
        "l.properties",
        "handlers=java.util.logging.ConsoleHandler\n.level=ALL\n"
        "java.util.logging.ConsoleHandler.level=ALL\nsun.level=INFO\njdk.level=INFO\n",
    )
    for layout in FORMATS:
        lab.run(
            "java",
            "-Xmx64m",
            f"-Djava.util.logging.config.file={config}",
            f"-Djava.util.logging.SimpleFormatter.format={layout}",
            "Orders",
            timeout=15,
        )
    for flags in (
        ("-Xlog:gc*,safepoint*:stdout:time,level,tags", "-Xmx32m"),
        ("-Xlog:all=warning",),
        ("-Xmx1k",),
        ("-Xlog:class+load,os,cds:stdout:uptime,level,tags", "-Xshare:off"),
        ("-XX:Nonsense",),
        ("-XX:+CrashOnOutOfMemoryError", "-Xmx16m"),
        ("-agentlib:none",),
        ("-jar", "none.jar"),
    ):
        lab.run("java", *flags, "Orders", timeout=10)
    for text in JAVA_BROKEN:
        lab.run("javac", "-Xlint:all", lab.write("X.java", text))
    lab.run("java", "Nothing")
    lab.run("keytool", "-list", "-keystore", lab.write("bad.jks", "x"))
    lab.run("jar", "xf", lab.dir / "bad.jks")
    lab.write(
        "pom.xml",
        "<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>b</artifactId>"
        "<version>1</version><dependencies><dependency><groupId>x</groupId><artifactId>y</artifactId>"
        "<version>9</version></dependency></dependencies></project>",
    )
    lab.run("mvn", "-B", "compile", timeout=15)
    lab.run("mvn", "-B", "-o", "-X", "nonsense", timeout=15)


def tomcat(lab: Lab) -> None:
    """Tomcat: deployments that fail, broken pages, bad requests, a port in use, bad XML."""
    base, home = lab.dir / "base", Path("/usr/share/tomcat10")
    lab.run("cp", "-rL", "/etc/tomcat10", base / "conf", keep=False) if lab.folder("base") else None
    for name in ("logs", "temp", "work", "webapps"):
        lab.folder(f"base/{name}")
    lab.write(
        "base/webapps/a/WEB-INF/web.xml",
        "<web-app><servlet><servlet-name>x</servlet-name><servlet-class>no.Such"
        "</servlet-class><load-on-startup>1</load-on-startup></servlet><servlet-mapping><servlet-name>x"
        "</servlet-name><url-pattern>/x</url-pattern></servlet-mapping></web-app>",
    )
    lab.write("base/webapps/b/WEB-INF/web.xml", "<web-app><nonsense></web-app>")
    lab.write(
        "base/webapps/c/WEB-INF/web.xml",
        "<web-app><listener><listener-class>no.Such</listener-class></listener></web-app>",
    )
    lab.write("base/webapps/ROOT/index.jsp", "<% String s = null; s.length(); %>")
    lab.write("base/webapps/ROOT/bad.jsp", '<% int x = "a" %>')
    lab.write(
        "base/webapps/ROOT/throw.jsp", '<% if (true) throw new java.io.IOException("disk gone"); %>'
    )
    lab.write("base/webapps/d.war", b"not a zip")
    env = {
        "CATALINA_BASE": str(base),
        "CATALINA_HOME": str(home),
        "CATALINA_PID": str(lab.dir / "pid"),
    }
    argv = (home / "bin/catalina.sh", "run")
    lab.collect(base / "logs/*")
    server = lab.start(*argv, env=env)
    lab.listening(8080, 20)
    storm(lab, 8080, 4)
    for path in ("/index.jsp", "/bad.jsp", "/throw.jsp", "/a/x", "/b/", "/d/", "/none.jsp"):
        lab.http(8080, path)
    lab.run(*argv, env=env, timeout=6)
    lab.talk(8005, b"NONSENSE")
    lab.stop(server)
    conf = base / "conf/server.xml"
    text = conf.read_text()
    for wrong in (
        text.replace('port="8080"', 'port="99999"'),
        text.replace("<Engine", "<Engne"),
        text.replace("org.apache.catalina.core.AprLifecycleListener", "no.Such"),
        text[:900],
    ):
        conf.write_text(wrong)
        lab.run(*argv, env=env, timeout=4)


def zookeeper(lab: Lab) -> None:
    """ZooKeeper alone and without its quorum, odd clients, a damaged snapshot and log."""
    text = (
        "tickTime=500\ndataDir=/srv/app/data\nclientPort=2181\n"
        "clientPortAddress=127.0.0.1\nmaxClientCnxns=5\n"
    )
    text += "admin.enableServer=false\n4lw.commands.whitelist=*\ninitLimit=2\nsyncLimit=1\n"
    quorum = (
        text
        + "server.1=127.0.0.1:2888:3888\nserver.2=127.0.0.1:2889:3889\nserver.3=no.invalid:2:3\n"
    )
    lab.folder("data")
    jars = "/usr/share/java/zookeeper.jar"
    layouts = (
        "%d{ISO8601} [myid:%X{myid}] - %-5p [%t:%C{1}@%L] - %m%n",
        "%d{yyyy-MM-dd HH:mm:ss,SSS} %p %c: %m%n",
    )
    for layout in layouts:
        lab.write(
            "log4j.properties",
            "log4j.rootLogger=DEBUG, C\nlog4j.appender.C=org.apache.log4j.ConsoleAppender\n"
            f"log4j.appender.C.layout=org.apache.log4j.PatternLayout\nlog4j.appender.C.layout.ConversionPattern={layout}\n",
        )
        argv = (
            "java",
            "-cp",
            f"/srv/app:{jars}",
            "-Dlog4j.configuration=file:/srv/app/log4j.properties",
            "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        )
        for wrong in (
            "nonsense\n",
            "clientPort=x\n",
            text.replace("500", "x"),
            text + "server.1=x\n",
        ):
            lab.run(*argv, lab.write("b.cfg", wrong), timeout=3)
        server = lab.start(*argv, lab.write("z.cfg", text))
        lab.listening(2181)
        for words in (
            b"ruok",
            b"stat",
            b"GET / HTTP/1.0\r\n\r\n",
            b"\0\0\0\x2d" + bytes(45),
            b"\xff\xff\xff\xff",
            b"kill",
        ):
            lab.talk(2181, words)
        lab.crowd(2181, 9)
        client = (*argv[:-1], "org.apache.zookeeper.ZooKeeperMain", "-server", "127.0.0.1:2181")
        for command in (
            ("create", "/a", "x"),
            ("get", "/none"),
            ("delete", "/zookeeper"),
            ("addauth", "digest", "x"),
            ("setAcl", "/a", "x"),
        ):
            lab.run(*client, *command, timeout=4)
        lab.run(*argv, lab.dir / "z.cfg", timeout=3)
        lab.stop(server)
        for file in (lab.dir / "data/version-2").glob("*"):
            file.write_bytes(lab.rng.randbytes(300))
    lab.run(*argv, lab.dir / "z.cfg", timeout=3)
    lab.write("data/myid", "1\n")
    lab.run(*argv, lab.write("q.cfg", quorum), timeout=6)


STYLES = (
    "%(asctime)s %(levelname)s %(name)s: %(message)s",
    "%(levelname)s:%(name)s:%(message)s",
    "json",
    "[%(asctime)s] [%(process)d] [%(levelname)s] %(message)s",
    "%(asctime)s - %(name)s - %(levelname)s - %(message)s",
    "%(asctime)s.%(msecs)03d %(process)d %(levelname)-8s %(module)s:%(lineno)d] %(message)s",
)


def python(lab: Lab) -> None:
    """Python's logging in six layouts, WSGI and ASGI servers, Celery: errors and dead workers."""
    program = lab.write("app.py", sample("app.py.txt"))
    for style in STYLES:
        lab.run("/usr/bin/python3", "-W", "default", program, style)
    lab.write("web.py", sample("web.py.txt"))
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
        server = lab.start(*argv, *target)
        lab.listening(80)
        storm(lab, 80, 2)
        lab.pause(1.5)
        lab.run(*argv, *target, timeout=4)
        lab.kill_child(server.pid, 9)
        lab.stop(server)
        for wrong in ("none:app", "broken:app", "web:none"):
            lab.run(*argv, *target[:-1], wrong, timeout=2)
    for plain in (
        ("uvicorn", "--port", "80", "--log-level", "trace", "web:asgi"),
        ("/usr/bin/python3", "-m", "http.server", "80"),
    ):
        server = lab.start(*plain)
        lab.listening(80)
        for path in PROBES:
            lab.http(80, path)
        for attack in ATTACKS:
            lab.talk(80, attack, wait=0.05)
        lab.run(*plain, timeout=3)
        lab.stop(server, 2)
    _celery(lab)


def _celery(lab: Lab) -> None:
    lab.folder("q")
    lab.write("jobs.py", sample("jobs.py.txt"))
    worker = lab.start("celery", "-A", "jobs", "worker", "-l", "DEBUG", "-c", "2")
    lab.pause(2.5)
    for name in ("good", "bad", "retried", "slow", "dies", "unknown"):
        lab.run(
            "celery",
            "-A",
            "jobs",
            "call",
            f"jobs.{name}",
            *(("-a", "[1]") if name == "good" else ()),
            keep=False,
        )
    lab.pause(4)
    lab.stop(worker)
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
    program = lab.write("server.js", sample("server.js"))
    for style in ("pino", "winston", "plain", "raw"):
        server = lab.start("node", program, style)
        lab.listening(80)
        for path in (*PROBES, "/admin", "/"):
            lab.http(80, path)
        for attack in ATTACKS[:8]:
            lab.talk(80, attack, wait=0.05)
        lab.stop(server)
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
    for number, text in enumerate(PHP):
        lab.write(f"p{number}.php", text)
        lab.run("php", "-d", "display_errors=stderr", lab.dir / f"p{number}.php", timeout=4)
    server = lab.start("php", "-d", "log_errors=1", "-S", "127.0.0.1:8000")
    lab.listening(8000)
    for number in range(len(PHP)):
        lab.http(8000, f"/p{number}.php")
    lab.stop(server)
    pool = (
        "[global]\nerror_log = /var/log/fpm.log\nlog_level = debug\n[www]\n"
        "user = nobody\nlisten = 127.0.0.1:9000\npm = dynamic\n"
    )
    pool += (
        "pm.max_children = 2\npm.start_servers = 1\npm.min_spare_servers = 1\n"
        "pm.max_spare_servers = 2\nslowlog = /var/log/slow\n"
    )
    lab.collect("/var/log/fpm.log")
    for wrong in (
        "nonsense = 1\n",
        "pm = none\n",
        "user = nobody9\n",
        "pm.max_children = 0\n",
        "listen = x:y:z\n",
    ):
        lab.run("php-fpm8.2", "-F", "-y", lab.write("b.conf", pool + wrong), timeout=2)
    server = lab.start("php-fpm8.2", "-F", "-O", "-y", lab.write("f.conf", pool))
    lab.listening(9000)
    lab.run("php-fpm8.2", "-F", "-y", lab.dir / "f.conf", timeout=2)
    lab.kill_child(server.pid, 11)
    lab.crowd(9000, 6)
    lab.stop(server, 3)
    for text in (
        "use strict; $x = 1;",
        "die 'no space'",
        "open(F, '<', '/none') or warn \"cannot: $!\"; undef->x",
        "use None;",
    ):
        lab.run("perl", "-w", "-e", text)


C = (
    "int main( { return 0 }",
    "#include <none.h>\nint main(){}",
    "int f(); int main(){return f();}",
    '#include <stdio.h>\nint main(){int x; char b[2]; printf("%s", x); b[9]=1; return b[9];}',
    "int main(){int *p=0; *p=1;}",
    "#include <stdlib.h>\nint main(){char *p=malloc(4); p[5]=1; free(p); free(p);}",
    "#include <assert.h>\nint main(){assert(1 == 2);}",
    "#include <stdlib.h>\nint main(){abort();}",
    "#include <limits.h>\nint main(int c,char**v){int x=INT_MAX; x+=c; int a[2]; return "
    "a[c+4] + (1 << (c + 40)) + x/(c-1);}",
)


def builds(lab: Lab) -> None:
    """gcc, make, cmake, git, pip, cargo and sanitizers: what continuous integration logs."""
    for number, text in enumerate(C):
        source = lab.write(f"c{number}.c", text)
        for flags in (("-Wall", "-Wextra", "-O2"), ("-g", "-fsanitize=address,undefined")):
            if lab.run("gcc", *flags, source, "-o", lab.dir / f"c{number}") == 0:
                lab.run("/bin/sh", "-c", f"./c{number}")
    lab.run("gdb", "-batch", "-ex", "run", "-ex", "bt", lab.dir / "c4")
    lab.run(
        "g++",
        lab.write(
            "t.cc",
            "#include <vector>\n#include <map>\n"
            'int main(){std::map<int,std::vector<int>> m; m << 1; auto x = m["a"];}',
        ),
    )
    lab.write(
        "Makefile",
        "all: a b\na: none.o\n\tgcc -o $@ $<\nb:\n\t@echo building b; exit 2\nc: c\nd:\n"
        "    spaces\n",
    )
    lab.run("make", "-k", "all")
    lab.run("make", "--debug=v", "b")
    lab.write(
        "CMakeLists.txt",
        "cmake_minimum_required(VERSION 3.9)\nproject(x C)\nfind_package(None REQUIRED)\n"
        "add_executable(y none.c)\n"
        'message(WARNING "old")\nnonsense()\n',
    )
    lab.run("cmake", "-S", ".", "-B", "out")
    _git(lab)
    for words in (
        ("install", "--no-index", "nothing"),
        ("install", "-r", "none.txt"),
        ("install", "--no-input", "--retries", "0", "-i", "http://127.0.0.1:9/", "x"),
        ("install", "/srv/app"),
        ("uninstall", "nothing"),
        ("check",),
    ):
        lab.run("/usr/bin/python3", "-m", "pip", "--isolated", *words)
    lab.write(
        "test_x.py",
        "import unittest\nclass T(unittest.TestCase):\n"
        " def test_a(self): self.assertEqual(1, 2)\n def test_b(self): open('/none')\n"
        " @unittest.skip('later')\n def test_c(self): pass\n",
    )
    lab.run("/usr/bin/python3", "-m", "unittest", "-v", "test_x")
    _archives(lab)


def _git(lab: Lab) -> None:
    env = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
        "HOME": "/srv/app",
    }
    repo = lab.folder("repo")

    def git(*words: str) -> None:
        lab.run("git", *words, cwd=repo, env=env)

    git("init", "-q", "--initial-branch=main")
    for branch in ("main", "other"):
        git("checkout", "-b", branch) if branch != "main" else None
        for number in range(3):
            lab.write("repo/file", f"{branch} {lab.rng.choice(WORDS)} {number}\n")
            git("add", ".")
            git("commit", "-m", f"{branch} {number}")
    git("checkout", "main")
    lab.write("repo/file", "local\n")
    for words in (
        ("checkout", "other"),
        ("commit", "-am", "x"),
        ("merge", "other"),
        ("rebase", "none"),
        ("push", "origin", "main"),
        ("fetch", "https://127.0.0.1:9/x"),
        ("clone", "git://127.0.0.1:9/x"),
        ("pull",),
        ("stash",),
        ("cherry-pick", "zz"),
        ("nonsense",),
        ("apply", "file"),
        ("fsck", "--full"),
        ("gc",),
        ("bisect", "good"),
        ("am", "file"),
    ):
        git(*words)
    server = lab.start(
        "git",
        "daemon",
        "--verbose",
        "--listen=127.0.0.1",
        "--base-path=/srv/app",
        "--timeout=2",
        "--max-connections=4",
    )
    lab.listening(9418)
    for words in (
        ("clone", "git://127.0.0.1/repo", "/srv/app/c1"),
        ("clone", "git://127.0.0.1/none", "/srv/app/c2"),
    ):
        git(*words)
    lab.talk(9418, b"GET / HTTP/1.0\r\n\r\n")
    lab.write("repo/.git/git-daemon-export-ok", "")
    git("clone", "git://127.0.0.1/repo", "/srv/app/c3")
    git("push", "git://127.0.0.1/repo", "main")
    lab.crowd(9418, 8)
    lab.stop(server)
    for file in list((repo / ".git/objects").glob("??/*"))[:2]:
        file.chmod(0o644)
        file.write_bytes(b"damage")
    (repo / ".git/index").write_bytes(b"DIRC" + os.urandom(80))
    for words in (("fsck",), ("status",), ("log", "--all"), ("repack", "-ad")):
        git(*words)


def _archives(lab: Lab) -> None:
    """Archives and certificates that are cut short, damaged, missing, expired or on a full disk."""
    lab.write("data/file", lab.rng.randbytes(90_000))
    full = lab.tiny_disk("full", "16k")
    for name, flag in (("a.tar.gz", "z"), ("a.tar.xz", "J"), ("a.tar", "")):
        lab.run("tar", f"c{flag}vf", lab.dir / name, "data")
        data = bytearray((lab.dir / name).read_bytes())
        lab.write(f"cut-{name}", bytes(data[: len(data) // 2]))
        data[300:340] = lab.rng.randbytes(40)
        lab.write(f"bad-{name}", bytes(data))
        for copy in (name, f"cut-{name}", f"bad-{name}", "none.tar"):
            lab.run("tar", "xvf", lab.dir / copy, "-C", full)
            lab.run("gzip", "-tv", lab.dir / copy)
            lab.run("xz", "-tv", lab.dir / copy)
            lab.run("cpio", "-itv", "-F", lab.dir / copy)
            lab.run("unzip", "-t", lab.dir / copy)
    cert, key = lab.certificate()
    for words in (
        ("verify", cert),
        ("x509", "-in", key),
        ("rsa", "-in", cert),
        ("s_client", "-connect", "127.0.0.1:9"),
        ("verify", "-attime", "4102444800", "-CAfile", cert, cert),
        ("enc", "-d", "-aes-256-cbc", "-k", "x", "-in", key),
        ("ca", "-in", "none"),
        ("req", "-in", "none"),
        ("pkcs12", "-in", key, "-passin", "pass:x"),
        ("nonsense",),
    ):
        lab.run("openssl", *words, timeout=3)
    home = {"GNUPGHOME": str(lab.folder("gnupg"))}
    (lab.dir / "gnupg").chmod(0o700)
    for request in (
        ("--verify", key),
        ("--decrypt", cert),
        ("--recv-keys", "--keyserver", "hkp://127.0.0.1:9", "DEADBEEF"),
        ("--sign", key),
        ("--import", key),
        ("-v", "--batch", "--passphrase", "", "--quick-gen-key", "a@b.c"),
    ):
        lab.run("gpg", "--batch", *request, env=home, timeout=5)
    for url in (
        "http://127.0.0.1:9/",
        "https://no.invalid/",
        "ftp://127.0.0.1:9/x",
        "gopher:x",
        "file:///none",
    ):
        lab.run("curl", "-v", "--max-time", "2", url)
        lab.run("wget", "-d", "-t", "1", "-T", "2", "-O", "/dev/null", url)


SERVICES = (
    Service("java", ("openjdk-17-jdk-headless",), java, 120),
    Service("tomcat", ("tomcat10",), tomcat, 75),
    Service("zookeeper", ("zookeeper",), zookeeper, 90),
    Service("python", ("gunicorn", "uwsgi-plugin-python3", "uvicorn", "celery"), python, 75),
    Service("scripts", ("nodejs", "php8.2-cli", "php8.2-fpm"), scripts, 75),
    Service("builds", ("gcc", "g++", "make", "cmake", "git", "gdb"), builds, 90),
)
