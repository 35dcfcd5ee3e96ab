"""The sinks of a configuration, and what can be said of them before anything is sent."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from dataclasses import replace

from tinylogbert_daemon.config import Config
from tinylogbert_daemon.config.sinks import Content, Credentials
from tinylogbert_daemon.errors import ConfigError
from tinylogbert_daemon.sinks.alertmanager import AlertmanagerSink
from tinylogbert_daemon.sinks.content import content
from tinylogbert_daemon.sinks.jsonl import JsonlSink
from tinylogbert_daemon.sinks.log import LogSink
from tinylogbert_daemon.sinks.mail import MailSink
from tinylogbert_daemon.sinks.message import own_instance
from tinylogbert_daemon.sinks.post import read_secret
from tinylogbert_daemon.sinks.sink import LAST_LOCAL_DELAY_SECONDS, Outlet, Patience, Sink
from tinylogbert_daemon.sinks.stdout import StdoutSink
from tinylogbert_daemon.sinks.syslog import SyslogSink
from tinylogbert_daemon.sinks.webhook import WebhookSink


def outlets(config: Config) -> list[Outlet]:
    """Return the sinks that are enabled, in the order of the configuration."""
    sinks = config.sinks
    instance = own_instance(sinks.instance)
    masker = config.privacy.masker()

    def outlet(sink: Sink, where: str, kind: Content, batch: int = 100) -> Outlet:
        return Outlet(sink, where, content(kind, masker), batch)

    def local(sink: Sink, where: str, kind: Content) -> Outlet:
        return replace(outlet(sink, where, kind), last_delay=LAST_LOCAL_DELAY_SECONDS)

    found: list[Outlet] = []
    if sinks.jsonl.enabled:
        path = config.jsonl_path
        found.append(local(JsonlSink(path), str(path), sinks.jsonl.content))
    if sinks.log.enabled:
        found.append(local(LogSink(), "the daemon's log", sinks.log.content))
    if sinks.stdout.enabled:
        stdout = StdoutSink(sinks.stdout.format, instance)
        found.append(local(stdout, stdout.where, sinks.stdout.content))
    if sinks.alertmanager.enabled:
        manager = AlertmanagerSink(sinks.alertmanager, instance)
        told = content(sinks.alertmanager.content, masker)
        every = sinks.alertmanager.resend_seconds
        found.append(Outlet(manager, manager.where, told, resend_seconds=every))
    if sinks.webhook.enabled:
        webhook = WebhookSink(sinks.webhook, instance)
        found.append(outlet(webhook, webhook.where, sinks.webhook.content, batch=1))
    if sinks.email.enabled:
        mail = MailSink(sinks.email, instance)
        told = content(sinks.email.content, masker)
        gather = sinks.email.group_seconds
        found.append(Outlet(mail, mail.where, told, gather_seconds=gather))
    if sinks.syslog.enabled:
        syslog = SyslogSink(sinks.syslog, instance)
        found.append(outlet(syslog, syslog.where, sinks.syslog.content))
    return found


def patience(config: Config) -> Patience:
    """Return when an alert is given up."""
    sinks = config.sinks
    return Patience(sinks.refused_tries, sinks.give_up_hours * 3600.0, sinks.dead_limit)


def check(config: Config) -> None:
    """Look at the files that the sinks need; raises :class:`ConfigError`, which names no secret."""
    mistakes = list(_mistakes(config))
    if mistakes:
        raise ConfigError("\n".join(mistakes))


def _mistakes(config: Config) -> Iterator[str]:
    sinks = config.sinks
    for name, section in (("alertmanager", sinks.alertmanager), ("webhook", sinks.webhook)):
        if section.enabled:
            yield from (f"sinks.{name}.{mistake}" for mistake in _missing(section))
    if sinks.email.enabled and not os.access(sinks.email.sendmail, os.X_OK):
        yield f"sinks.email.sendmail: {sinks.email.sendmail}: no program that can be run"


def _missing(section: Credentials) -> Iterator[str]:
    for key in ("token_file", "password_file"):
        if path := getattr(section, key):
            try:
                read_secret(path)
            except OSError as error:
                yield f"{key}: {error}"
    if section.ca_file:
        try:
            ssl.create_default_context(cafile=section.ca_file)
        except OSError as error:
            why = error.strerror or "holds no certificates"
            yield f"ca_file: {section.ca_file}: {why}"
