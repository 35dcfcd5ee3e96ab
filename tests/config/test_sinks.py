"""The section ``sinks``: a mistake is one line, which tells no secret; nor does anything else."""

from __future__ import annotations

import pytest

from tinylogbert_daemon.config import parse
from tinylogbert_daemon.config.endpoint import endpoint, host_and_port
from tinylogbert_daemon.config.template import DEPTH
from tinylogbert_daemon.errors import ConfigError

MISTAKES = {
    "webhook: {enabled: true}": "sinks.webhook: url is missing: say where to send alerts",
    "webhook: {url: 'ftp://hunter2@h/'}": (
        "sinks.webhook.url: must be a URL that begins with http:// or https:// and names a host"
    ),
    "webhook: {url: 'http://h/hunter2 x'}": (
        "sinks.webhook.url: must be a URL of printable ASCII characters without spaces"
    ),
    'webhook: {url: "http://h/hunter2\\r\\nX: y"}': (
        "sinks.webhook.url: must be a URL of printable ASCII characters without spaces"
    ),
    "webhook: {url: 'http://h:hunter2/'}": (
        "sinks.webhook.url: must be a URL, such as https://host:9093/path"
    ),
    "webhook: {url: 'http://h/#hunter2'}": (
        "sinks.webhook.url: a URL to send to has no fragment ('#')"
    ),
    'webhook: {headers: {X: "hunter2\\r\\nY: z"}}': (
        "sinks.webhook.headers: X: a header's value is one line of printable ASCII"
    ),
    "webhook: {headers: {Host: hunter2}}": (
        "sinks.webhook.headers: Host: this header is set by the request itself"
    ),
    "webhook: {headers: {'X Y': hunter2}}": (
        "sinks.webhook.headers: a header's name is letters, digits and hyphens"
    ),
    "webhook: {template: {a: ['${sumary}']}}": (
        "sinks.webhook.template: no field is named 'sumary'; did you mean 'summary'?"
    ),
    "webhook: {template: {'${id}': a}}": (
        "sinks.webhook.template: fields are put into values, not into keys"
    ),
    "webhook: {template: {a: 2020-01-01}}": (
        "sinks.webhook.template.a: input was not a valid JSON value"
    ),
    f"webhook: {{template: {{a: {'[' * (DEPTH + 1)}{']' * (DEPTH + 1)}}}}}": (
        f"sinks.webhook.template: must not nest deeper than {DEPTH} levels"
    ),
    "webhook: {token_file: /a, user: u, password_file: /b}": (
        "sinks.webhook: set either token_file, or user and password_file"
    ),
    "alertmanager: {user: u}": (
        "sinks.alertmanager: user and password_file belong together; set both"
    ),
    "alertmanager: {urls: []}": (
        "sinks.alertmanager.urls: must name at least one URL, and no empty one"
    ),
    "alertmanager: {labels: {severity: x}}": (
        "sinks.alertmanager.labels: a label's name is letters, digits and underscores, and none of "
        "alertname, severity, instance, source, text_hash"
    ),
    "email: {enabled: true}": "sinks.email: to is missing: name at least one address",
    "email: {to: ['-oQ/tmp/x']}": (
        "sinks.email.to: must be a plain mail address, such as ops@example.org, or a local user"
    ),
    'email: {sender: "a@b\\nBcc: c"}': (
        "sinks.email.sender: must be a plain mail address, such as ops@example.org, or a local user"
    ),
    "email: {sendmail: 'sendmail -t'}": (
        "sinks.email.sendmail: must be the absolute path of a program"
    ),
    "syslog: {transport: udp}": (
        "sinks.syslog: address must be host:port, such as logs.example.org:514"
    ),
    "syslog: {transport: tcp, address: 'h:70000'}": (
        "sinks.syslog: address the port must be 1 to 65535"
    ),
    "syslog: {facility: loud}": None,
    "instance: 'a b'": "sinks.instance: must be printable ASCII without spaces",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_is_one_line_that_tells_no_secret(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse(f"sinks: {{{text}}}", "f")
    said = str(raised.value)
    assert "\n" not in said
    assert "hunter2" not in said
    if MISTAKES[text] is not None:
        assert said == f"f:1: {MISTAKES[text]}"


def test_no_representation_shows_a_secret() -> None:
    config = parse(
        "sinks: {webhook: {url: 'http://a:hunter2@h/hunter2', headers: {X: hunter2}}, "
        "alertmanager: {urls: ['http://a:hunter2@h/']}}",
        "f",
    )
    assert "hunter2" not in repr(config) + str(config) + config.model_dump_json()
    assert "hunter2" not in repr(endpoint("http://a:hunter2@h/hunter2?hunter2"))


def test_the_parts_of_an_address() -> None:
    found = endpoint("https://me:p%40ss@[::1]:8443/a/b/?c=d", "/api/v2/alerts")
    assert (found.host, found.port, found.user, found.password) == ("::1", 8443, "me", "p@ss")
    assert found.target == "/a/b/api/v2/alerts?c=d"
    assert found.authority == "[::1]:8443"
    assert found.shown == "https://[::1]:8443"
    assert endpoint("http://h").target == "/"
    assert endpoint("http://h").authority == "h"
    assert host_and_port("[::1]:514") == ("::1", 514)
    for host in ("a..b", f"{'a' * 64}.b", ".a", "::::", "fe80::1%eth0", "a" * 300):
        bracketed = f"[{host}]" if ":" in host else host
        with pytest.raises(ValueError, match="must be"):
            endpoint(f"http://{bracketed}/")
        with pytest.raises(ValueError, match="must be"):
            host_and_port(f"{bracketed}:1")
    for wrong in ("h", "h:", ":514", "h:x", "h:0", "h:\u0665", "a b:1"):
        with pytest.raises(ValueError, match="must be"):
            host_and_port(wrong)
