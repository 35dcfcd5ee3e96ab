"""The section ``sinks``: where alerts go, what each place is told, and when it is given up."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, JsonValue, SecretStr, field_validator, model_validator

from tinylogbert_daemon.config.endpoint import Url, host_and_port
from tinylogbert_daemon.config.section import Positive, Section
from tinylogbert_daemon.config.template import check

Content = Annotated[
    Literal["full", "masked", "none"],
    Field(description="What it is told of a line: see [sinks](#sinks)."),
]
"""What a sink is told of a line: as it is kept, with secrets masked in any case, or nothing."""

Enabled = Annotated[bool, Field(description="Whether alerts go there.")]

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"),
    *("authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)
"""The facilities of RFC 5424 in the order of their codes."""

_MAILBOX = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]*(@[A-Za-z0-9][A-Za-z0-9.-]*)?")
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_HEADER_VALUE = re.compile(r"[\t -~]{0,4096}")
# what a request is made of is not for headers of the user
_OUR_HEADERS = ("host", "content-length", "content-type", "connection", "transfer-encoding")


class Jsonl(Section):
    """The JSONL sink; an empty path means ``alerts.jsonl`` in the state directory."""

    enabled: Enabled = True
    path: str = ""
    content: Content = "masked"


class Log(Section):
    """The sink that writes alerts to the daemon's own log."""

    enabled: Enabled = True
    content: Content = "masked"


class Stdout(Section):
    """Standard output: a line for people or a JSON object for each alert."""

    enabled: Enabled = False
    format: Literal["line", "json"] = "line"
    content: Content = "masked"


class Credentials(Section):
    """How an HTTP sink shows who it is, and whom it trusts; files are read at every request."""

    token_file: str = ""
    user: str = ""
    password_file: str = ""
    ca_file: str = ""
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0

    @model_validator(mode="after")
    def _one_of_them(self) -> Credentials:
        if self.token_file and (self.user or self.password_file):
            raise ValueError("set either token_file, or user and password_file")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("user and password_file belong together; set both")
        if not _HEADER_VALUE.fullmatch(self.user) or ":" in self.user:
            raise ValueError("user must be printable ASCII without a colon")
        return self


class Alertmanager(Credentials):
    """Prometheus' Alertmanager, its API of version 2; each of ``urls`` is told everything."""

    enabled: Enabled = False
    urls: list[Url] = [SecretStr("http://127.0.0.1:9093")]
    labels: dict[str, str] = {}
    resend_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    content: Content = "masked"

    @field_validator("urls")
    @classmethod
    def _some(cls, urls: list[SecretStr]) -> list[SecretStr]:
        if not urls or not all(url.get_secret_value() for url in urls):
            raise ValueError("must name at least one URL, and no empty one")
        return urls

    @field_validator("labels")
    @classmethod
    def _labels(cls, labels: dict[str, str]) -> dict[str, str]:
        ours = ("alertname", "severity", "instance", "source", "text_hash")
        for name, value in labels.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,63}", name) or name in ours:
                raise ValueError(
                    "a label's name is letters, digits and underscores, and none of "
                    f"{', '.join(ours)}"
                )
            if not value:
                raise ValueError(f"{name}: a label needs a value")
        return labels


class Webhook(Credentials):
    """Any HTTP service: Alertmanager's webhook body, or JSON made of ``template``."""

    enabled: Enabled = False
    url: Url = SecretStr("")
    headers: dict[str, SecretStr] = {}
    template: dict[str, JsonValue] = {}
    escape: Literal["none", "html"] = "none"
    content: Content = "masked"

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not _HEADER.fullmatch(name):
                raise ValueError("a header's name is letters, digits and hyphens")
            if name.lower() in _OUR_HEADERS:
                raise ValueError(f"{name}: this header is set by the request itself")
            if not _HEADER_VALUE.fullmatch(value.get_secret_value()):
                raise ValueError(f"{name}: a header's value is one line of printable ASCII")
        return headers

    @field_validator("template")
    @classmethod
    def _template(cls, template: dict[str, JsonValue]) -> dict[str, JsonValue]:
        check(template)
        return template

    @model_validator(mode="after")
    def _somewhere(self) -> Webhook:
        if self.enabled and not self.url.get_secret_value():
            raise ValueError("url is missing: say where to send alerts")
        return self


class Email(Section):
    """E-mail, handed to a program with the interface of sendmail; alerts are grouped."""

    enabled: Enabled = False
    sendmail: str = "/usr/sbin/sendmail"
    sender: str = ""
    to: list[str] = []
    group_seconds: Annotated[float, Field(ge=0, le=3600)] = 30.0
    timeout_seconds: Positive = 60.0
    content: Content = "masked"

    @field_validator("sendmail")
    @classmethod
    def _absolute(cls, path: str) -> str:
        if not path.startswith("/") or "\0" in path:
            raise ValueError("must be the absolute path of a program")
        return path

    @field_validator("sender")
    @classmethod
    def _mailbox(cls, address: str) -> str:
        return _mailbox(address) if address else address

    @field_validator("to")
    @classmethod
    def _mailboxes(cls, addresses: list[str]) -> list[str]:
        return [_mailbox(address) for address in addresses]

    @model_validator(mode="after")
    def _to_someone(self) -> Email:
        if self.enabled and not self.to:
            raise ValueError("to is missing: name at least one address")
        return self


class Syslog(Section):
    """A syslog server, over its UNIX socket, UDP or TCP."""

    enabled: Enabled = False
    transport: Literal["unix", "udp", "tcp"] = "unix"
    address: str = "/dev/log"
    format: Literal["auto", "rfc5424", "rfc3164"] = "auto"
    facility: str = "daemon"
    timeout_seconds: Positive = 10.0
    content: Content = "masked"

    @field_validator("facility")
    @classmethod
    def _facility(cls, name: str) -> str:
        if name not in FACILITIES:
            raise ValueError(f"must be one of {', '.join(FACILITIES)}")
        return name

    @model_validator(mode="after")
    def _somewhere(self) -> Syslog:
        if self.transport != "unix":
            try:
                host_and_port(self.address)
            except ValueError as error:
                raise ValueError(f"address {error}") from None
        elif not self.address.startswith("/"):
            raise ValueError("address must be the absolute path of a socket")
        return self

    @property
    def rfc5424(self) -> bool:
        """Whether messages have the form of RFC 5424: a local socket expects that of libc."""
        if self.format == "auto":
            return self.transport != "unix"
        return self.format == "rfc5424"


class Sinks(Section):
    """Where alerts are delivered, how many each may be owed, and when one is given up."""

    instance: str = ""
    spool_limit: Annotated[int, Field(ge=1)] = 10_000
    drop: Literal["oldest", "newest"] = "oldest"
    refused_tries: Annotated[int, Field(ge=1)] = 10
    give_up_hours: Positive = 72.0
    dead_limit: Annotated[int, Field(ge=1)] = 1000
    jsonl: Jsonl = Jsonl()
    log: Log = Log()
    stdout: Stdout = Stdout()
    alertmanager: Alertmanager = Alertmanager()
    webhook: Webhook = Webhook()
    email: Email = Email()
    syslog: Syslog = Syslog()

    @field_validator("instance")
    @classmethod
    def _one_word(cls, name: str) -> str:
        if not re.fullmatch(r"[!-~]{0,255}", name):
            raise ValueError("must be printable ASCII without spaces")
        return name


def _mailbox(address: str) -> str:
    """Check an address: nothing of it may be taken for an option, a list or a second header."""
    if len(address) > 254 or not _MAILBOX.fullmatch(address):
        raise ValueError("must be a plain mail address, such as ops@example.org, or a local user")
    return address
