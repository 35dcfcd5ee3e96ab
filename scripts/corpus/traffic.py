"""What clients on a network do to a server: ask, log in, and come in crowds."""

import contextlib
import http.client
import random
import socket
import ssl
import time

USERS = ("root", "admin", "alice", "bob", "oracle", "git", "deploy", "test", "guest", "ubuntu")
WORDS = ("invoice", "report", "orders", "login", "images", "backup", "api", "session", "archive")


class Traffic:
    """Requests to servers on loopback, from many addresses, drawn from a seeded `rng`."""

    rng: random.Random

    def user(self) -> str:
        """A login name, often a wrong one."""
        if self.rng.random() < 0.6:
            return self.rng.choice(USERS)
        return "".join(self.rng.choices("abcdefghiklmnoprstuvw", k=self.rng.randint(3, 9)))

    def path(self) -> str:
        """A path as a client would ask for."""
        parts = self.rng.choices(WORDS, k=self.rng.randint(1, 3))
        return "/" + "/".join(parts) + self.rng.choice(("", ".php", ".html", ".png", "?id=7"))

    def address(self) -> str:
        """A source address that this lab's loopback owns."""
        net = self.rng.choice(("10.{}.{}.{}", "192.168.{1}.{2}", "172.16.{1}.{2}", "127.0.0.{2}"))
        return net.format(*(self.rng.randint(2, 250) for _ in range(3)))

    def talk(
        self, port: int, *chunks: bytes, tls: bool = False, wait: float = 0.15, kind: str = "tcp"
    ) -> bytes:
        """Say `chunks` to a port from a random address; what came back, errors ignored."""
        heard = b""
        datagram = kind == "udp"
        with contextlib.suppress(OSError, ValueError):
            family = socket.SOCK_DGRAM if datagram else socket.SOCK_STREAM
            with socket.socket(socket.AF_INET, family) as plain:
                plain.bind((self.address(), 0))
                plain.settimeout(2)
                plain.connect(("127.0.0.1", port))
                line: socket.socket = self._wrap(plain) if tls else plain
                line.settimeout(wait)
                for chunk in chunks or (b"",):
                    line.sendall(chunk)
                    with contextlib.suppress(TimeoutError):
                        heard += line.recv(65536)
        return heard

    @staticmethod
    def _wrap(plain: socket.socket) -> socket.socket:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context.wrap_socket(plain, server_hostname="localhost")

    def http(
        self,
        port: int,
        path: str = "/",
        method: str = "GET",
        body: bytes | None = None,
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 3,
    ) -> bytes:
        """One HTTP request from a random address; the answer's body, errors ignored."""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            source = (self.address(), 0)
            client = http.client.HTTPConnection("127.0.0.1", port, timeout, source)
            with contextlib.closing(client):
                client.request(method, path, body, headers or {})
                return client.getresponse().read()
        return b""

    def crowd(self, port: int, size: int = 60) -> None:
        """More connections at a time than a server allows."""
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for _ in range(size):
                stack.enter_context(socket.create_connection(("127.0.0.1", port), 1))
            time.sleep(1.2)
