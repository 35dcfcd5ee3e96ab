"""Web servers and proxies: requests good, bad and hostile, bad configurations, dead upstreams."""

import re
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


HAPROXY = """
global
 log /dev/log local0 debug
 log 127.0.0.1:514 local1 debug
 maxconn 40
 stats socket /run/ha.sock mode 600 level admin
defaults
 log global
 mode http
 %(format)s
 option log-health-checks
 timeout connect 500ms
 timeout client 1s
 timeout server 1s
 retries 2
 option redispatch
frontend www
 bind 127.0.0.1:80
 bind 127.0.0.1:443 ssl crt %(pem)s
 maxconn 30
 http-request deny if { path_beg /admin }
 http-request tarpit if { path_beg /.env }
 use_backend dead if { path_beg /up }
 use_backend odd if { path_beg /slow }
 use_backend none if { path_beg /loop }
 default_backend good
frontend raw
 bind 127.0.0.1:81
 mode tcp
 option tcplog
 default_backend rawback
backend good
 balance roundrobin
 option httpchk GET /health
 server g1 127.0.0.1:8080 check inter 300ms fall 2 rise 1
 server g2 127.0.0.1:8090 check inter 300ms
backend dead
 server d1 127.0.0.1:9 check inter 400ms
 server d2 127.0.0.1:19 check inter 300ms backup
backend odd
 server o1 127.0.0.1:8081
backend none
backend rawback
 mode tcp
 server r1 127.0.0.1:8080
 server r2 127.0.0.1:9
"""
HAPROXY_BROKEN = (
    "frontend a\n bind 127.0.0.1:80\n default_backend nowhere",
    "frontend a\n bnd 127.0.0.1:80",
    "backend b\n server s1 nohost.invalid:80 check\n server s1 127.0.0.1:99999",
    "frontend a\n bind 127.0.0.1:443 ssl crt /none.pem",
    "defaults\n mode http\n timeout client 5q",
    "frontend a\n mode http\n bind 127.0.0.1:80\n acl x path_beg\n http-request deny if x y",
    "listen l\n mode tcp\n option httplog\n bind 127.0.0.1:80",
    "global\n maxconn -4\n log nowhere local0\n user nobody9",
    "peers p\n peer x 127.0.0.1\nnonsense\n",
)


def haproxy(lab: Lab) -> None:
    """haproxy in its log formats: servers going down and up, time-outs, refused requests."""
    lab.syslog()
    cert, key = lab.certificate()
    pem = lab.write("both.pem", cert.read_text() + key.read_text())
    for text in HAPROXY_BROKEN:
        lab.run("haproxy", "-c", "-f", lab.write("broken.cfg", text + "\n"))
    lab.start("/usr/bin/python3", "-c", ODD_UPSTREAM, keep=False)
    custom = 'log-format "%ci:%cp [%tr] %ft %b/%s %ST %B %ts %ac/%fc/%bc/%sc/%rc %{+Q}r"'
    for style in ("option httplog", "option dontlognull\n option httpslog", custom, ""):
        config = lab.write("h.cfg", HAPROXY % {"pem": pem, "format": style})
        web = ("/usr/bin/python3", "-m", "http.server", "8080", "--bind", "127.0.0.1")
        backend = lab.start(*web, keep=False)
        server = lab.start("haproxy", "-db", "-W", "-f", config)
        lab.listening(80)
        lab.run("haproxy", "-db", "-f", config, timeout=2)
        storm(lab, 80, 3)
        lab.talk(443, b"plain\r\n\r\n")
        lab.talk(443, b"GET / HTTP/1.1\r\n\r\n", tls=True)
        lab.talk(81, b"GET / HTTP/1.0\r\n\r\n")
        lab.stop(backend)
        lab.pause(1.2)
        lab.http(80, "/")
        backend = lab.start(*web, keep=False)
        lab.pause(0.8)
        lab.kill_child(server.pid, 11)
        lab.stop(server)
        lab.stop(backend)


SQUID = """
http_port 3128
cache_log /var/log/squid/cache.log
access_log stdio:/var/log/squid/access.log %(format)s
cache_dir ufs /var/spool/squid 10 4 4
acl local src 127.0.0.0/8 10.0.0.0/8
acl safe port 80 443 8080
acl bad dstdomain .bad.test
http_access deny bad
http_access deny !safe
http_access allow local
http_access deny all
dns_nameservers 127.0.0.1
dns_timeout 1 seconds
connect_timeout 1 seconds
shutdown_lifetime 1 seconds
pid_filename /run/squid-lab.pid
debug_options %(debug)s
"""


def squid(lab: Lab) -> None:
    """squid: requests allowed, denied and failed, broken store files, a full cache disk."""
    lab.collect("/var/log/squid/*.log")
    for wrong in (
        "acl x src nonsense\n",
        "http_access allow nobody\n",
        "http_prot 1\n",
        "cache_dir ufs\n",
        "cache_mem 5 apples\n",
        "http_port 0\n",
    ):
        text = SQUID % {"format": "squid", "debug": "ALL,1"} + wrong
        lab.run("squid", "-k", "parse", "-f", lab.write("broken.conf", text))
    lab.start("/usr/bin/python3", "-m", "http.server", "8080", keep=False)
    for style, debug in (("squid", "ALL,1"), ("combined", "ALL,2 17,3")):
        config = lab.write("s.conf", SQUID % {"format": style, "debug": debug})
        lab.run("squid", "-N", "-z", "-f", config)
        server = lab.start("squid", "-N", "-f", config)
        lab.listening(3128)
        for host in ("127.0.0.1:8080", "127.0.0.1:9", "no.invalid", "x.bad.test", "a.test:25"):
            for _ in range(2):
                lab.http(3128, f"http://{host}{lab.path()}")
        lab.http(3128, "/relative")
        for attack in ATTACKS:
            lab.talk(3128, attack, wait=0.05)
        lab.run("squid", "-f", config, "-N", timeout=2)
        lab.run("squid", "-k", "rotate", "-f", config)
        lab.run("squid", "-k", "reconfigure", "-f", config)
        lab.pause(1)
        lab.stop(server, 9 if style == "squid" else 15)
        for number in (0, 1):
            swap = Path("/var/spool/squid/swap.state")
            swap.write_bytes(lab.rng.randbytes(999) * (number + 1))


VCL = 'vcl 4.1; backend default { .host = "127.0.0.1"; .port = "%s"; %s }\n'


def varnish(lab: Lab) -> None:
    """varnishd and its transaction log; a sick backend, VCL that doesn't compile, a panic."""
    probe = '.probe = { .url = "/"; .interval = 1s; .timeout = 200ms; }'
    for wrong in (
        "vcl 9;",
        'vcl 4.1; backend a { .host = "no.invalid"; }',
        "vcl 4.1; sub x {",
        "vcl 4.1; import none; backend default none;",
        "backend a {}",
    ):
        lab.run("varnishd", "-C", "-f", lab.write("broken.vcl", wrong + "\n"))
    lab.start("/usr/bin/python3", "-c", ODD_UPSTREAM, keep=False)
    config = lab.write("d.vcl", VCL % (8081, probe + " .first_byte_timeout = 1s;"))
    server = lab.start(
        "varnishd",
        "-F",
        "-a",
        "127.0.0.1:80",
        "-T",
        "127.0.0.1:6082",
        "-S",
        lab.write("secret", "x\n"),
        "-f",
        config,
        "-n",
        "/run/v",
        "-s",
        "malloc,2m",
    )
    lab.listening(80)
    lab.start("varnishlog", "-n", "/run/v", "-g", "raw")
    lab.start("varnishncsa", "-n", "/run/v")
    lab.pause(1)
    storm(lab, 80, 3)
    control = ("varnishadm", "-n", "/run/v")
    for words in (
        ("panic.show",),
        ("nonsense",),
        ("vcl.load", "b", "/none"),
        ("backend.list",),
        ("debug.panic.worker",),
        ("status",),
    ):
        lab.run(*control, *words)
    lab.pause(2)
    lab.kill_child(server.pid, 9)
    lab.pause(1)


def tinyproxy(lab: Lab) -> None:
    """tinyproxy: filtered hosts, dead upstreams, refused clients."""
    text = (
        "Port 8888\nListen 127.0.0.1\nTimeout 2\nLogLevel Connect\nMaxClients 5\n"
        'LogFile "/var/log/tp.log"\nAllow 127.0.0.1\nAllow 10.0.0.0/8\n'
        'ConnectPort 443\nFilter "/srv/app/filter"\n'
    )
    lab.write("filter", "bad\\.test\n")
    lab.collect("/var/log/tp.log")
    for wrong in ("Prot 8\n", "Port x\n", 'Filter "/none"\n', "User nobody9\n"):
        lab.run("tinyproxy", "-d", "-c", lab.write("broken.conf", text + wrong), timeout=2)
    for level in ("Info", "Connect"):
        loud = re.sub("LogLevel .*", f"LogLevel {level}", text)
        server = lab.start("tinyproxy", "-d", "-c", lab.write("t.conf", loud))
        lab.listening(8888)
        for host in ("127.0.0.1:9", "no.invalid", "bad.test", "127.0.0.1:8888"):
            lab.http(8888, f"http://{host}{lab.path()}")
        for attack in ATTACKS:
            lab.talk(8888, attack, wait=0.05)
        lab.crowd(8888, 12)
        lab.stop(server)


def stunnel(lab: Lab) -> None:
    """stunnel at debug 7: handshakes that fail, a dead target, unusable keys."""
    cert, key = lab.certificate()
    other, _ = lab.certificate("other")
    base = (
        f"foreground = yes\ndebug = 7\nsyslog = no\n[web]\naccept = 127.0.0.1:443\ncert = {cert}\n"
    )
    good = f"{base}key = {key}\nconnect = 127.0.0.1:9\n"
    for wrong in (
        f"{base}key = /none\nconnect = 9\n",
        f"{base}key = {other}\nconnect = 9\n",
        f"{good}nonsense = 1\n",
        f"{good}sslVersion = SSLv9\n",
        "accept = x\n",
    ):
        lab.run("stunnel4", lab.write("broken.conf", wrong), timeout=2)
    for extra in ("", f"verify = 2\nCAfile = {other}\n", "sslVersion = TLSv1.3\n"):
        server = lab.start("stunnel4", lab.write("s.conf", good + extra))
        lab.listening(443, 3)
        lab.talk(443, b"hello", tls=True)
        lab.talk(443, b"plain text\r\n\r\n")
        lab.run("openssl", "s_client", "-connect", "127.0.0.1:443", "-tls1_2", timeout=2)
        lab.run("stunnel4", lab.dir / "s.conf", timeout=1)
        lab.stop(server)


SERVICES = (
    Service("nginx", ("nginx-light",), nginx),
    Service("apache2", ("apache2",), apache),
    Service("lighttpd", ("lighttpd",), lighttpd),
    Service("haproxy", ("haproxy",), haproxy),
    Service("squid", ("squid",), squid),
    Service("varnish", ("varnish",), varnish),
    Service("tinyproxy", ("tinyproxy",), tinyproxy),
    Service("stunnel", ("stunnel4",), stunnel),
)
