"""Java: the virtual machine, its loggers and compiler, and servers that run on it."""

from pathlib import Path

from corpus.lab import Lab, Service
from corpus.web import storm

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
    "%1$ty/%1$tm/%1$td %1$tH:%1$tM:%1$tS %3$s: %5$s%6$s%n",
    "%5$s%6$s%n",
)


def java(lab: Lab) -> None:
    """java.util.logging in four layouts, the virtual machine's own log, crashes, javac errors."""
    lab.write("Orders.java", lab.sample("Orders.java"))
    lab.write("Routine.java", lab.sample("Routine.java"))
    lab.run("javac", "Routine.java", "Orders.java", timeout=20)
    config = lab.write(
        "l.properties",
        "handlers=java.util.logging.ConsoleHandler\n.level=ALL\n"
        "java.util.logging.ConsoleHandler.level=ALL\nsun.level=INFO\njdk.level=INFO\n",
    )
    for layout in FORMATS:
        argv = (
            "java",
            "-Xmx64m",
            f"-Djava.util.logging.config.file={config}",
            f"-Djava.util.logging.SimpleFormatter.format={layout}",
        )
        with lab.healthy(0.1):
            lab.run(*argv, "Routine", timeout=15)
            lab.run(*argv, "Routine", timeout=15)
        with lab.fault("failing-job", 0.1):
            lab.run(*argv, "Orders", timeout=15)
    with lab.healthy():
        for flag in (
            "-Xlog:gc*,safepoint*:stdout:time,level,tags",
            "-Xlog:class+load,os,cds:stdout:uptime,tags",
            "-Xlog:gc*:stdout:none",
        ):
            lab.run("java", flag, "-Xmx32m", "Routine", timeout=10)
        lab.run("javac", "-verbose", "Routine.java", timeout=10)
        lab.run("jar", "cvf", "r.jar", "Routine.class")
    with lab.fault("crash"):
        _broken(lab)


def _broken(lab: Lab) -> None:
    """A virtual machine that can't start or dies, and sources that don't compile."""
    for flags in (
        ("-Xmx1k",),
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
    with lab.fault("bad-config"):
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
    names = ("zookeeper", "slf4j-log4j12", "log4j-1.2")
    jars = ":".join(f"/usr/share/java/{name}.jar" for name in names)
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
        with lab.fault("bad-config"):
            for wrong in (
                "nonsense\n",
                "clientPort=x\n",
                text.replace("500", "x"),
                text + "server.1=x\n",
            ):
                lab.run(*argv, lab.write("b.cfg", wrong), timeout=3)
        for file in (lab.dir / "data/version-2").glob("*"):
            file.unlink()  # the round before damaged it
        with lab.healthy():
            server = lab.start(*argv, lab.write("z.cfg", text))
            lab.listening(2181)
            for words in (b"ruok", b"stat", b"srvr", b"conf", b"mntr"):
                lab.talk(2181, words)
            for fine in (
                ("create", "/fine", "x"),
                ("get", "/fine"),
                ("ls", "/"),
                ("delete", "/fine"),
            ):
                lab.run(
                    *argv[:-1],
                    "org.apache.zookeeper.ZooKeeperMain",
                    "-server",
                    "127.0.0.1:2181",
                    *fine,
                    timeout=5,
                )
        for words in (
            b"ruok",
            b"stat",
            b"GET / HTTP/1.0\r\n\r\n",
            b"\0\0\0\x2d" + bytes(45),
            b"\xff\xff\xff\xff",
            b"kill",
        ):
            lab.talk(2181, words)
        with lab.fault("connection-flood"):
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


def activemq(lab: Lab) -> None:
    """ActiveMQ: a store of its own damaged, odd clients, a port in use, bad XML."""
    source = Path("/etc/activemq/instances-available/main/activemq.xml").read_text()
    layout = (
        "java.util.logging.SimpleFormatter.format=%1$tF %1$tT,%1$tL | %4$-5s | %5$s | %3$s%6$s%n"
    )
    lab.write(
        "l.properties",
        "handlers=java.util.logging.ConsoleHandler\n.level=ALL\norg.level=FINE\n"
        f"java.util.logging.ConsoleHandler.level=ALL\n{layout}\n",
    )
    (lab.folder("lib") / "slf4j-jdk14.jar").symlink_to("/usr/share/java/slf4j-jdk14.jar")
    home = "/usr/share/activemq"
    argv = (
        "java",
        "-Djava.util.logging.config.file=/srv/app/l.properties",
        f"-Dactivemq.home={home}",
        "-Dactivemq.base=/srv/app",
        "-Dactivemq.conf=/srv/app",
        "-Dactivemq.data=/srv/app/data",
        "-Dactivemq.classpath=/srv/app",
        "-jar",
        f"{home}/bin/activemq.jar",
        "start",
    )
    stomp = source.replace(
        "</transportConnectors>",
        '<transportConnector name="s" uri="stomp://127.0.0.1:61613"/>'
        '<transportConnector name="m" uri="mqtt://127.0.0.1:1883"/></transportConnectors>',
    )
    lab.write("good.xml", stomp)
    with lab.healthy():
        server = lab.start(*argv, "xbean:good.xml")
        lab.listening(61616, 15)
        lab.talk(
            61613,
            b"CONNECT\naccept-version:1.2\nhost:a\n\n\0",
            b"SUBSCRIBE\nid:1\ndestination:/queue/a\n\n\0",
            b"SEND\ndestination:/queue/a\n\nhello\0",
            b"DISCONNECT\n\n\0",
        )
        lab.pause(2)
    frames = (
        b"CONNECT\n\n\0",
        b"SEND\ndestination:/queue/a\n\nhi\0",
        b"NONSENSE\n\n\0",
        b"SUBSCRIBE\n\n\0",
        b"ACK\nmessage-id:9\n\n\0",
        b"SEND\n\n\0",
        b"BEGIN\n\n\0",
        b"COMMIT\ntransaction:x\n\n\0",
    )
    for frame in frames:
        lab.talk(61613, frames[0], frame)
        lab.talk(61613, frame)
    with lab.fault("protocol-error"):
        for junk in (
            b"GET / HTTP/1.0\r\n\r\n",
            lab.rng.randbytes(200),
            b"\0\0\0\x20\1ActiveMQ" + bytes(30),
        ):
            for port in (61616, 61613, 1883):
                lab.talk(port, junk)
    lab.run(*argv, "xbean:good.xml", timeout=6)
    lab.stop(server)
    for file in lab.dir.glob("data/kahadb/db*"):
        file.write_bytes(lab.rng.randbytes(5000))
    lab.run(*argv, "xbean:good.xml", timeout=6)
    with lab.fault("bad-config"):
        for wrong in (
            stomp[:1500],
            stomp.replace("kahaDB", "nonsense"),
            stomp.replace("tcp://127", "none://127"),
        ):
            lab.write("bad.xml", wrong)
            lab.run(*argv, "xbean:bad.xml", timeout=5)


SERVICES = (
    Service("java", ("openjdk-17-jdk-headless",), java, 120),
    Service("tomcat", ("tomcat10",), tomcat, 75),
    Service("zookeeper", ("zookeeper",), zookeeper, 90),
    Service("activemq", ("activemq",), activemq, 90),
)
