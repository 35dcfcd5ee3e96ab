"""Apache httpd and lighttpd: visitors, dead backends, broken scripts, bad configurations."""

import re
import signal
import subprocess
from pathlib import Path

from corpus.lab import Lab, Service
from corpus.web import backend, guesses, hostile, odd_backend, site, storm, visitors

APACHE = """
ServerRoot /etc/apache2
PidFile /run/a.pid
ServerName localhost
%(modules)s
Listen 80
Listen 443
Listen 444
User www-data
Group www-data
LogLevel %(level)s
ErrorLog %(log)s
%(format)s
LogFormat "%%h %%l %%u %%t \\"%%r\\" %%>s %%O \\"%%{Referer}i\\" \\"%%{User-Agent}i\\"" combined
CustomLog %(log)s.access combined
TypesConfig /etc/mime.types
DocumentRoot %(root)s
Timeout 2
ThreadsPerChild 10
MaxRequestWorkers 50
MinSpareThreads 5
MaxSpareThreads 30
LimitRequestBody 8000
<Directory %(root)s>
 Options None
 AllowOverride All
 Require all granted
</Directory>
<Location /private/>
 AuthType Basic
 AuthName x
 AuthBasicProvider file
 AuthUserFile %(home)s/users
 Require valid-user
</Location>
<Location /admin>
 Require all denied
</Location>
ProxyPass /api/ http://127.0.0.1:8080/
ProxyPass /up/ http://127.0.0.1:9/
ProxyPass /slow/ http://127.0.0.1:8081/ timeout=1
ProxyPass /wp-login.php http://nohost.invalid/
ScriptAlias /cgi-bin/ %(home)s/cgi/
RewriteEngine on
RewriteRule ^/loop /loop [R]
<VirtualHost *:443>
 SSLEngine on
 SSLCertificateFile %(cert)s
 SSLCertificateKeyFile %(key)s
</VirtualHost>
<VirtualHost *:444>
 SSLEngine on
 SSLCertificateFile %(cert)s
 SSLCertificateKeyFile %(key)s
 SSLVerifyClient require
 SSLCACertificateFile %(cert)s
</VirtualHost>
"""
APACHE_BROKEN = (
    "Lisen 80",
    "Listen 80\nListen 99999",
    "Listen 80\nLoadModule no_module modules/none.so",
    "Listen 80\n<VirtualHost *:80>\nServerName a",
    "Listen 80\nDocumentRoot /none/such",
    "Listen 80\nSSLEngine on",
    "Listen 80\nErrorLog /none/e.log",
    "Include /etc/none/*.load\nInclude /none.conf",
    "User nobody9",
    "Listen 80\nRewriteRule (",
    "Listen 80\nLogLevel loud",
    "Listen 80\nSSLCertificateFile /none.pem",
)


def _apache_modules() -> str:
    names = "mpm_event authz_core authz_host authn_core authn_file auth_basic authz_user alias"
    names += " mime dir rewrite proxy proxy_http cgid ssl socache_shmcb autoindex status reqtimeout"
    folder = "/usr/lib/apache2/modules"
    return "\n".join(f"LoadModule {n}_module {folder}/mod_{n}.so" for n in names.split())


def apache(lab: Lab) -> None:
    """Apache httpd at info and trace3: CGI that dies, .htaccess errors, handshakes, limits."""
    root = site(lab)
    cert, key = lab.certificate()
    lab.write("www/list/.htaccess", "Nonsense on\n")
    lab.write("www/up2/.htaccess", "AuthUserFile /none\nRequire valid-user\nAuthType Basic\n")
    lab.write("cgi/good.cgi", "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n", 0o755)
    lab.write("cgi/test.cgi", "#!/bin/sh\necho oops >&2\nexit 3\n", 0o755)
    lab.write("cgi/head.cgi", "#!/bin/sh\necho no header here\n", 0o755)
    lab.write("cgi/slow.cgi", "#!/bin/sh\nsleep 9\n", 0o755)
    lab.write("cgi/bad.cgi", "#!/none/interpreter\n", 0o755)
    lab.write("cgi/deny.cgi", "#!/bin/sh\n", 0o644)
    lab.folder("/run/apache2")
    modules = _apache_modules()
    with lab.fault("bad-config"):
        for text in APACHE_BROKEN:
            config = lab.write("broken.conf", f"{modules}\n{text}\n")
            lab.run("apache2", "-t", "-f", config)
    app = backend(lab)
    odd_backend(lab)
    names = {"root": root, "home": lab.dir, "cert": cert, "key": key, "modules": modules}
    own = 'ErrorLogFormat "%{cu}t %l %P:%T %m %F: %E: %M"'
    for level, style in (("info ssl:debug", ""), ("trace3", own), ("notice", "")):
        log = f"/var/log/apache2/{level.partition(' ')[0]}.log"
        config = lab.write(
            "a.conf", APACHE % {**names, "level": level, "log": log, "format": style}
        )
        lab.collect(log, f"{log}.access")
        with lab.healthy():
            lab.run("apache2", "-t", "-f", config)
            server = lab.start("apache2", "-f", config, "-DFOREGROUND")
            lab.listening(80)
            visitors(lab, 80, 5 if level == "trace3" else 30)
            lab.http(80, "/cgi-bin/good.cgi")
            for _ in range(3):
                lab.talk(443, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", tls=True)
            lab.run("apache2", "-f", config, "-k", "graceful")
            lab.pause(1)
            visitors(lab, 80, 5)
        storm(lab, 80, 3)
        _trouble_apache(lab, config, server, app)
        app = backend(lab)
        with lab.healthy():
            visitors(lab, 80, 5)
            lab.run("apache2", "-f", config, "-k", "graceful-stop")
            lab.gone(server)
        lab.stop(server)


def _trouble_apache(
    lab: Lab, config: Path, server: subprocess.Popen[bytes], app: subprocess.Popen[bytes]
) -> None:
    """One fault after the other."""
    with lab.fault("protocol-error"):
        hostile(lab, 80)
        lab.talk(80, b"GET / HTTP/1.1\r\nHost: a\r\n", wait=2.3)
    with lab.fault("refused-login"):
        guesses(lab, 80)
    with lab.fault("access-denied"):
        for path in ("/admin", "/app/x/", "/app", "/private/", "/admin/x"):
            lab.http(80, path)
    with lab.fault("broken-script"):
        names = ("test", "bad", "deny", "head", "slow", "none")
        for path in (*(f"/cgi-bin/{name}.cgi" for name in names), "/up2/", "/list/", "/loop"):
            lab.http(80, path)
    with lab.fault("backend-garbage"):
        for number in range(10):
            lab.http(80, f"/slow/{number}")
    with lab.fault("backend-down"):
        lab.stop(app)
        for path in ("/up/", "/wp-login.php", "/api/orders", "/api/login", "/up/x"):
            lab.http(80, path)
    with lab.fault("tls-error"):
        lab.talk(444, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", tls=True)
        lab.talk(443, b"GET / HTTP/1.1\r\n\r\n")
        lab.talk(443, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600))
    with lab.fault("address-in-use"):
        lab.run("apache2", "-f", config, "-DFOREGROUND", "-c", "PidFile /run/b.pid")
    with lab.fault("overload"):
        lab.crowd(80, 120)
    with lab.fault("crash"):
        lab.kill_child(server.pid, 11)
        lab.kill_child(server.pid, 9)
        lab.pause(1)


LIGHTTPD = """
server.document-root = "%(root)s"
server.port = 80
server.errorlog = "/var/log/lighttpd/error.log"
server.username = "www-data"
server.modules = ("mod_access", "mod_accesslog", "mod_auth", "mod_authn_file", "mod_proxy",
  "mod_cgi", "mod_fastcgi")
accesslog.filename = "/var/log/lighttpd/access.log"
debug.log-request-handling = "enable"
debug.log-condition-handling = "enable"
debug.log-request-header = "enable"
debug.log-file-not-found = "enable"
debug.log-timeouts = "enable"
server.max-request-size = 8
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html", "" => "application/octet-stream")
server.max-connections = 16
server.max-read-idle = 2
auth.backend = "htpasswd"
auth.backend.htpasswd.userfile = "%(home)s/users"
$HTTP["url"] =~ "^/private/" {
  auth.require = ("" => ("method" => "basic", "realm" => "x", "require" => "valid-user")) }
$HTTP["url"] =~ "^/api/" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => 8080))) }
$HTTP["url"] =~ "^/up/" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => 9))) }
$HTTP["url"] =~ "^/slow/" { proxy.server = ("" => (("host" => "127.0.0.1", "port" => 8081))) }
$HTTP["url"] =~ "^/loop" { fastcgi.server = ("" => (("socket" => "/run/none.sock"))) }
$HTTP["url"] =~ "^/cgi-bin/" { cgi.assign = (".cgi" => "/none/interpreter") }
"""


def lighttpd(lab: Lab) -> None:
    """lighttpd with its request debugging on; dead backends and refused configurations."""
    lab.folder("/var/log/lighttpd", "www-data")
    text = LIGHTTPD % {"root": site(lab), "home": lab.dir}
    lab.write("www/cgi-bin/test.cgi", "x", 0o755)
    with lab.fault("bad-config"):
        for wrong in (
            "server.port = ",
            "server.modlues = ()",
            'server.port = "x"',
            "$HTTP[ {",
            "}",
        ):
            lab.run("lighttpd", "-tt", "-f", lab.write("broken.conf", text + wrong + "\n"))
        for wrong in (
            'server.modules += ("mod_none")',
            'include "none.conf"',
            "server.port = 99999",
            'server.username = "nobody9"',
            'server.errorlog = "/none/x"',
            'server.document-root = "/none"',
            'auth.backend = "none"',
            'ssl.engine = "enable"',
        ):
            lab.run(
                "lighttpd", "-D", "-f", lab.write("broken.conf", text + wrong + "\n"), timeout=2
            )
    odd_backend(lab)
    app = backend(lab)
    lab.collect("/var/log/lighttpd/*.log")
    quiet = re.sub("debug.log-.*\n", "", text)
    for number, flavour in enumerate((text, quiet)):
        config = lab.write("l.conf", flavour)
        with lab.healthy():
            lab.run("lighttpd", "-tt", "-f", config)
            server = lab.start("lighttpd", "-D", "-f", config)
            lab.listening(80)
            visitors(lab, 80)
            server.send_signal(signal.SIGHUP)
            lab.pause()
            visitors(lab, 80, 5)
        storm(lab, 80)
        with lab.fault("address-in-use"):
            lab.run("lighttpd", "-D", "-f", config, timeout=2)
        with lab.fault("protocol-error"):
            hostile(lab, 80)
        with lab.fault("refused-login"):
            guesses(lab, 80)
        with lab.fault("backend-garbage"):
            for n in range(10):
                lab.http(80, f"/slow/{n}")
        with lab.fault("broken-script"):
            for path in ("/cgi-bin/test.cgi", "/cgi-bin/none.cgi", "/app"):
                lab.http(80, path)
        with lab.fault("backend-down"):
            lab.stop(app)
            for path in ("/up/", "/loop", "/api/orders", "/api/login", "/up/x", "/loop/y"):
                lab.http(80, path)
        with lab.fault("overload"):
            lab.crowd(80)
        app = backend(lab)
        with lab.healthy():
            lab.pause(1)
            visitors(lab, 80, 5)
            lab.stop(server, signal.SIGINT if number else signal.SIGTERM)


SERVICES = (
    Service("apache2", ("apache2",), apache, 130),
    Service("lighttpd", ("lighttpd",), lighttpd, 60),
)
