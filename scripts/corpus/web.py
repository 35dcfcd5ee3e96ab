"""Web servers: requests good, bad and hostile, bad configurations, dead upstreams."""

from pathlib import Path

from corpus.lab import Lab, Service

ATTACKS = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"GARBAGE\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: nope\r\n\r\n",
    b"GET / HTTP/9.9\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 20000 + b"\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"GET /%zz%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nBad Header : x\r\n y\r\n\r\n",
    b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)
PROBES = (
    *("/", "/index.html", "/missing", "/private/", "/list/", "/up/", "/slow/", "/wp-login.php"),
    *("/.env", "/cgi-bin/test.cgi", "/favicon.ico", "/admin/?q=%27%20OR%201=1", "/loop", "/app"),
)
AGENTS = ("curl/7.88.1", "Mozilla/5.0 (X11; Linux x86_64)", "sqlmap/1.7", "Go-http-client/1.1")


def storm(lab: Lab, port: int, probes: int = 20) -> None:
    """What a server on the internet sees: pages, probes, refused logins, broken requests."""
    for path in (*PROBES, *(lab.path() for _ in range(probes))):
        headers = {"User-Agent": lab.rng.choice(AGENTS), "Host": lab.rng.choice(("a.test", "b"))}
        lab.http(port, path, lab.rng.choice(("GET", "GET", "HEAD", "DELETE")), headers=headers)
    for secret in ("YWxpY2U6d3Jvbmc=", "Ym9iOng=", "!!", "YWRtaW46"):
        lab.http(port, "/private/", headers={"Authorization": f"Basic {secret}"})
    lab.http(port, "/upload", "POST", b"x" * 20000)
    lab.http(port, "/", "PUT", b"x")
    for attack in ATTACKS:
        lab.talk(port, attack, wait=0.05)


def site(lab: Lab) -> Path:
    """A document root with a page, an unreadable page and an unlisted folder."""
    root = lab.folder("www")
    lab.write("www/index.html", "<h1>It works</h1>")
    lab.write("www/private/index.html", "secret")
    lab.write("www/app", "secret", mode=0o000)
    lab.folder("www/list")
    lab.write("users", "alice:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nbroken\n")
    return root


NGINX = """
worker_processes 2; daemon off; pid /run/nginx-lab.pid; user www-data;
error_log %(error)s %(level)s;
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 24; %(events)s }
http {
 access_log %(access)s;
 limit_req_zone $server_name zone=one:1m rate=5r/s; limit_conn_zone $server_name zone=c:1m;
 client_max_body_size 8k; client_header_timeout 1; client_body_timeout 1;
 proxy_connect_timeout 1; proxy_read_timeout 1; proxy_cache_path /var/cache/n keys_zone=k:1m;
 upstream dead { server 127.0.0.1:9 max_fails=1; server 127.0.0.1:19; }
 upstream odd { server 127.0.0.1:8081; }
 server { listen 80; server_name a.test; root %(root)s;
  location /private/ { auth_basic "x"; auth_basic_user_file %(home)s/users; }
  location /up/ { proxy_pass http://dead; } location /slow/ { proxy_pass http://odd; }
  location /admin/ { deny all; } location /list/ { limit_req zone=one; limit_conn c 1; }
  location /loop { rewrite ^ /loop; } location /app { alias %(root)s/app; }
  location /cgi-bin/ { fastcgi_pass unix:/run/none.sock; }
  location /wp-login.php { proxy_pass http://$arg_host; resolver 127.0.0.1:5353; }
 }
 server { listen 443 ssl; ssl_certificate %(cert)s; ssl_certificate_key %(key)s;
  ssl_verify_client on; ssl_client_certificate %(cert)s; }
}
"""
NGINX_BROKEN = (
    "events {} http { server { listen 80; listen 80; root /x; } }",
    "events {} http { server { listen 80 } }",
    "events {} http { sever { listen 80; } }",
    "events {} http { server { listen 99999; } }",
    "events {} http { upstream u { } server { location / { proxy_pass http://nohost; } } }",
    "events {} http { server { listen 443 ssl; ssl_certificate /x.pem; ssl_certificate_key /y; } }",
    "events {} http { include /etc/none.conf; }",
    "load_module modules/none.so; events {}",
    "user nobody9; events {}",
    "events { worker_connections many; } http {}",
    "http {}",
    "events {} http { server_names_hash_bucket_size 3; log_format x '$none'; }",
    "events {} http { server { server_name a; } server { server_name a; } ",
    "events {} http { server { location ~ ( { } } }",
    "events {} error_log /none/dir/error.log; http {}",
)


def nginx(lab: Lab) -> None:
    """nginx at two levels: refused upstreams, limits, killed workers, all kinds of bad config."""
    root = site(lab)
    cert, key = lab.certificate()
    for text in NGINX_BROKEN:
        lab.run("nginx", "-t", "-c", lab.write("broken.conf", text))
    lab.start("/usr/bin/python3", "-c", ODD_UPSTREAM, keep=False)
    for level, events in (("info", ""), ("debug", "debug_connection 127.0.0.0/8;")):
        names = {"root": root, "home": lab.dir, "cert": cert, "key": key, "events": events}
        error, access = f"/var/log/nginx/{level}.log", f"/var/log/nginx/access-{level}.log"
        names |= {"level": level, "error": error, "access": access}
        config = lab.write("n.conf", NGINX % names)
        lab.collect(error, access)
        server = lab.start("nginx", "-c", config)
        lab.listening(80)
        if level == "info":
            lab.run("nginx", "-c", config, "-e", "/srv/app/second.log")
            storm(lab, 80)
            lab.talk(443, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", tls=True)
            lab.talk(443, b"plain\r\n\r\n")
            lab.run("nginx", "-s", "reload", "-c", config)
            lab.write("n.conf", "nonsense;")
            lab.run("nginx", "-s", "reload", "-c", config)
            lab.signal_named("nginx", 10)
            lab.pause(1)
            lab.crowd(80)
            lab.kill_child(server.pid, 9)
            lab.kill_child(server.pid, 11)
        else:
            storm(lab, 80, 3)
        lab.pause()
        lab.stop(server, 3)


ODD_UPSTREAM = """
import socket, time
s = socket.create_server(("127.0.0.1", 8081))
answers = [b"", b"nonsense\\n", b"HTTP/1.1 200 OK\\r\\nContent-Length: 900\\r\\n\\r\\nshort",
           b"HTTP/1.1 200 OK\\r\\nX: " + b"y" * 9000 + b"\\r\\n\\r\\n", None]
for n in range(500):
    c, _ = s.accept()
    answer = answers[n % 5]
    if answer is None:
        kept = c
        continue
    c.sendall(answer)
    c.close()
"""


APACHE = """
ServerRoot /etc/apache2
PidFile /run/a.pid
ServerName localhost
%(modules)s
Listen 80
Listen 443
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
MaxRequestWorkers 25
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
    lab.write("cgi/test.cgi", "#!/bin/sh\necho oops >&2\nexit 3\n", 0o755)
    lab.write("cgi/bad.cgi", "#!/none/interpreter\n", 0o755)
    lab.write("cgi/deny.cgi", "#!/bin/sh\n", 0o644)
    modules = _apache_modules()
    for text in APACHE_BROKEN:
        lab.run("apache2", "-t", "-f", lab.write("broken.conf", f"{modules}\n{text}\n"))
    lab.start("/usr/bin/python3", "-c", ODD_UPSTREAM, keep=False)
    names = {"root": root, "home": lab.dir, "cert": cert, "key": key, "modules": modules}
    own = 'ErrorLogFormat "%{cu}t %l %P:%T %m %F: %E: %M"'
    for level, style in (("info ssl:debug", ""), ("trace3", own), ("notice", "")):
        log = f"/var/log/apache2/{level.partition(' ')[0]}.log"
        config = lab.write(
            "a.conf", APACHE % {**names, "level": level, "log": log, "format": style}
        )
        lab.collect(log, f"{log}.access")
        server = lab.start("apache2", "-f", config, "-DFOREGROUND")
        lab.listening(80)
        lab.run("apache2", "-f", config, "-DFOREGROUND")
        storm(lab, 80, 10 if level != "trace3" else 2)
        for path in ("/cgi-bin/bad.cgi", "/cgi-bin/deny.cgi", "/cgi-bin/none", "/up2/", "/app/x/"):
            lab.http(80, path)
        lab.talk(443, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", tls=True)
        lab.talk(443, b"GET / HTTP/1.1\r\n\r\n")
        lab.crowd(80)
        lab.kill_child(server.pid, 11)
        lab.pause(1)
        lab.stop(server)


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
server.max-connections = 16
server.max-read-idle = 2
auth.backend = "htpasswd"
auth.backend.htpasswd.userfile = "%(home)s/users"
$HTTP["url"] =~ "^/private/" {
  auth.require = ("" => ("method" => "basic", "realm" => "x", "require" => "valid-user")) }
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
    for wrong in ("server.port = ", "server.modlues = ()", 'server.port = "x"', "$HTTP[ {", "}"):
        lab.run("lighttpd", "-tt", "-f", lab.write("broken.conf", text + wrong + "\n"))
    for wrong in ('server.modules += ("mod_none")', 'include "none.conf"', "server.port = 99999"):
        lab.run("lighttpd", "-D", "-f", lab.write("broken.conf", text + wrong + "\n"), timeout=2)
    lab.start("/usr/bin/python3", "-c", ODD_UPSTREAM, keep=False)
    config = lab.write("l.conf", text)
    lab.collect("/var/log/lighttpd/*.log")
    server = lab.start("lighttpd", "-D", "-f", config)
    lab.listening(80)
    lab.run("lighttpd", "-D", "-f", config, timeout=2)
    storm(lab, 80)
    lab.crowd(80)
    lab.stop(server, 2)


SERVICES = (
    Service("nginx", ("nginx-light",), nginx),
    Service("apache2", ("apache2",), apache),
    Service("lighttpd", ("lighttpd",), lighttpd),
)
