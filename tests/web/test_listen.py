"""The addresses: Unix socket, TLS, and one for metrics."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry

from tests.web.doubles import StubDetector, StubHealth
from tinylogbert_daemon.config import Config, parse
from tinylogbert_daemon.errors import ServiceError
from tinylogbert_daemon.web.app import create_app, create_probes
from tinylogbert_daemon.web.listen import Listeners
from tinylogbert_daemon.web.server import bound_unix, check_tls


def _config(directory: Path, **http: Any) -> Config:
    given = {"state_dir": str(directory), "http": {"port": 0, **http}}
    return parse(str(given).replace("True", "true").replace("False", "false"), "test")


async def _served(listeners: Listeners, ask: Callable[[], Any]) -> Any:
    """Return what ``ask`` gives while ``listeners`` serve."""
    stop = asyncio.Event()
    app = create_app(
        detector=StubDetector(),
        registry=CollectorRegistry(),
        health=StubHealth(),
        version="9.9",
        access=listeners.access,
    )
    probes = create_probes(registry=CollectorRegistry(), health=StubHealth(), version="9.9")
    async with asyncio.TaskGroup() as group:
        for serving in listeners.serving(app, probes, stop):
            group.create_task(serving)
        try:
            return await asyncio.to_thread(ask)
        finally:
            stop.set()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for localhost and its key, made by openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-out", pair[0], "-keyout", pair[1]),
        ],
        check=True,
        capture_output=True,
    )
    return pair


def test_the_unix_socket_answers_whatever_its_path_is_as_long(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100)
    directory.mkdir()
    with ExitStack() as stack:
        listeners = Listeners(_config(directory, enabled=False), stack, has_state=True)
        path = directory / "api.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert listeners.url == "off"

        def ask() -> Any:
            from tinylogbert_daemon.cli.client import Daemon

            return Daemon(path).ask("GET", "/api/status")

        assert asyncio.run(_served(listeners, ask))["version"] == "9.9"
    assert not path.exists()


def test_a_socket_that_was_left_makes_way_and_nothing_else_does(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    with bound_unix(path), pytest.raises(ServiceError, match="another program listens there"):
        bound_unix(path).__enter__()
    path.write_text("a file")
    with pytest.raises(ServiceError, match="is there and no socket"):
        bound_unix(path).__enter__()
    assert path.read_text() == "a file"
    with pytest.raises(ServiceError, match="No such file or directory"):
        bound_unix(tmp_path / "none" / "api.sock").__enter__()


def test_metrics_have_an_address_of_their_own(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ExitStack() as stack:
        config = _config(tmp_path, metrics_port=port, socket="off")
        listeners = Listeners(config, stack, has_state=True)

        def ask() -> list[int]:
            paths = ("/metrics", "/healthz", "/api/status")
            return [httpx.get(f"http://127.0.0.1:{port}{path}").status_code for path in paths]

        assert asyncio.run(_served(listeners, ask)) == [200, 200, 404]


def test_with_tls_the_api_speaks_nothing_else(tmp_path: Path, certificate: tuple[str, str]) -> None:
    config = _config(tmp_path, tls_certificate=certificate[0], tls_key=certificate[1], socket="off")
    with ExitStack() as stack:
        listeners = Listeners(config, stack, has_state=True)
        assert listeners.url.startswith("https://127.0.0.1:")
        context = ssl.create_default_context(cafile=certificate[0])

        def ask() -> tuple[int, int]:
            with httpx.Client(verify=context) as client:
                own = client.get(f"{listeners.url}/api/status", headers={"origin": listeners.url})
                foreign = client.get(
                    f"{listeners.url}/api/status",
                    headers={"origin": listeners.url.replace("https", "http")},
                )
            with pytest.raises(httpx.HTTPError):
                httpx.get(f"{listeners.url.replace('https', 'http')}/api/status")
            return own.status_code, foreign.status_code

        assert asyncio.run(_served(listeners, ask)) == (200, 403)


def test_other_addresses_than_loopback_need_tls(
    tmp_path: Path, certificate: tuple[str, str]
) -> None:
    from tinylogbert_daemon.errors import ConfigError

    with pytest.raises(ConfigError, match="must be a loopback address"):
        _config(tmp_path, host="0.0.0.0")
    with pytest.raises(ConfigError, match="go together"):
        _config(tmp_path, tls_certificate=certificate[0])
    config = _config(
        tmp_path,
        host="0.0.0.0",
        tls_certificate=certificate[0],
        tls_key=certificate[1],
        allowed_hosts=["Logs.example"],
    )
    with ExitStack() as stack:
        access = Listeners(config, stack, has_state=False).access
    assert not access.loopback
    assert access.token
    assert "logs.example" in access.hosts


def test_a_certificate_that_is_none_is_one_clear_line(
    tmp_path: Path, certificate: tuple[str, str]
) -> None:
    with pytest.raises(ServiceError, match="no certificate with its key"):
        check_tls(str(tmp_path / "none"), certificate[1])
    wrong = tmp_path / "key.pem"
    wrong.write_text("no key")
    with pytest.raises(ServiceError, match="no certificate with its key"):
        check_tls(certificate[0], str(wrong))
