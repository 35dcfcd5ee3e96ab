"""nginx: pages and proxied calls; dead upstreams, limits, full disks, bad configurations."""

import signal
import subprocess
from pathlib import Path

from corpus.lab import Lab, Service
from corpus.web import backend, guesses, hostile, odd_backend, site, storm, visitors

NGINX = """
worker_processes 2; daemon off; pid /run/nginx-lab.pid; user www-data;
error_log %(error)s %(level)s;
include /etc/nginx/modules-enabled/*.conf;
events { worker_connections 24; %(events)s }
http {
 include /etc/nginx/mime.types; gzip on; gzip_min_length 10;
 log_format full '$remote_addr $host "$request" $status $body_bytes_sent $request_time '
  '$upstream_addr $upstream_status $upstream_cache_status';
 access_log %(access)s %(format)s; client_body_temp_path %(full)s/body;
 limit_req_zone $server_name zone=one:1m rate=5r/s; limit_conn_zone $server_name zone=c:1m;
 client_max_body_size 400k; client_header_timeout 1; client_body_timeout 1;
 proxy_connect_timeout 1; proxy_read_timeout 1; proxy_cache_path %(full)s/cache keys_zone=k:1m;
 upstream dead { server 127.0.0.1:9 max_fails=1; server 127.0.0.1:19; }
 upstream odd { server 127.0.0.1:8081; } upstream app { server 127.0.0.1:8080; keepalive 4; }
 server { listen 80; server_name a.test; root %(root)s;
  location /private/ { auth_basic "x"; auth_basic_user_file %(home)s/users; }
  location /api/ { proxy_pass http://app; proxy_cache k; }
  location /up/ { proxy_pass http://dead; } location /slow/ { proxy_pass http://odd; }
  location /admin/ { deny all; } location /list/ { limit_req zone=one; limit_conn c 1; }
  location /loop { rewrite ^ /loop; } location /app { alias %(root)s/app; }
  location /cgi-bin/ { fastcgi_pass unix:/run/none.sock; }
  location /upload { proxy_pass http://app; client_body_buffer_size 1k; }
  location /wp-login.php { proxy_pass http://$arg_host; resolver 127.0.0.1:5353; }
 }
 server { listen 443 ssl; root %(root)s; ssl_certificate %(cert)s; ssl_certificate_key %(key)s; }
 server { listen 444 ssl; ssl_certificate %(cert)s; ssl_certificate_key %(key)s;
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
    """nginx at two levels, with healthy visitors before and after its troubles."""
    names: dict[str, str | Path] = {"root": site(lab), "home": lab.dir}
    names["cert"], names["key"] = lab.certificate()
    names["full"] = lab.tiny_disk("full", "300k")
    app = backend(lab)
    odd_backend(lab)
    with lab.fault("bad-config"):
        for text in NGINX_BROKEN:
            config = lab.write("broken.conf", text)
            lab.run("nginx", "-t", "-c", config)
            lab.run("nginx", "-c", config, timeout=1)
    for level, events, style in (
        ("info", "", ""),
        ("debug", "debug_connection 127.0.0.0/8;", "full"),
        ("notice", "", "full"),
    ):
        error, access = f"/var/log/nginx/{level}.log", f"/var/log/nginx/access-{level}.log"
        lab.collect(error, access)
        names |= {"level": level, "error": error, "access": access, "events": events}
        config = lab.write("n.conf", NGINX % {**names, "format": style or "combined"})
        with lab.healthy():
            lab.run("nginx", "-t", "-c", config)
            server = lab.start("nginx", "-c", config)
            lab.listening(80)
            visitors(lab, 80, 10 if level == "debug" else 40)
            for _ in range(3):
                lab.talk(443, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", tls=True)
            lab.http(80, "/upload", "POST", b"x" * 9000, headers={"Host": "a.test"})
            for order in ("reload", "reopen"):
                lab.run("nginx", "-s", order, "-c", config)
                lab.pause(0.5)
            visitors(lab, 80, 5)
        storm(lab, 80, 3)
        _trouble(lab, config, server, app)
        app = backend(lab)
        with lab.healthy():
            lab.pause(0.5)
            lab.run("nginx", "-s", "reload", "-c", config)
            lab.pause(0.5)
            visitors(lab, 80, 5)
            lab.run("nginx", "-s", "quit", "-c", config)
            lab.gone(server)
        lab.stop(server)


def _trouble(
    lab: Lab, config: Path, server: subprocess.Popen[bytes], app: subprocess.Popen[bytes]
) -> None:
    """One fault after the other."""
    host = {"Host": "a.test"}
    with lab.fault("protocol-error"):
        hostile(lab, 80)
    with lab.fault("refused-login"):
        guesses(lab, 80)
    with lab.fault("backend-down"):
        for path in ("/up/", "/up/x", "/cgi-bin/test.cgi", "/wp-login.php?host=no.invalid"):
            lab.http(80, path, headers=host)
        lab.stop(app)
        lab.pause(3.2)
        visitors(lab, 80, 0)
    with lab.fault("backend-garbage"):
        for number in range(10):
            lab.http(80, f"/slow/{number}", headers=host)
    with lab.fault("access-denied"):
        for path in ("/admin/", "/admin/?q=%27", "/app", "/list/", "/loop", "/private/"):
            lab.http(80, path, headers=host)
    with lab.fault("tls-error"):
        lab.talk(444, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", tls=True)
        lab.talk(443, b"plain\r\n\r\n")
        lab.talk(443, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(600))
        lab.run("openssl", "s_client", "-connect", "127.0.0.1:443", "-tls1", timeout=1, keep=False)
    with lab.fault("address-in-use"):
        lab.run("nginx", "-c", config, "-e", "/srv/app/second.log", timeout=4)
    with lab.fault("disk-full"):
        filler = lab.fill(lab.dir / "full/filler")
        for number in range(4):
            lab.http(80, f"/upload?{number}", "POST", b"x" * 90000, headers=host)
        filler.unlink()
    with lab.fault("overload"):
        for _ in range(12):
            lab.http(80, "/list/", headers=host)
        lab.crowd(80)
    with lab.fault("bad-config"):
        good = config.read_text()
        lab.write("n.conf", "nonsense;")
        lab.run("nginx", "-s", "reload", "-c", config)
        lab.signal_named("nginx", signal.SIGHUP)
        lab.write("n.conf", good)
    with lab.fault("crash"):
        lab.kill_child(server.pid, signal.SIGKILL)
        lab.kill_child(server.pid, signal.SIGSEGV)
        lab.pause(0.5)


SERVICES = (Service("nginx", ("nginx-light",), nginx, 90),)
