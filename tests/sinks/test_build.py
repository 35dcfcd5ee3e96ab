"""Which sinks a configuration makes: none that leaves the host unless it is asked for."""

from __future__ import annotations

from tinylogbert_daemon.config import Config, parse
from tinylogbert_daemon.sinks.build import outlets, patience

ALL = """
sinks:
  refused_tries: 3
  give_up_hours: 2
  dead_limit: 5
  stdout: {enabled: true}
  alertmanager: {enabled: true, resend_seconds: 30}
  webhook: {enabled: true, url: "http://127.0.0.1/"}
  email: {enabled: true, to: [root], group_seconds: 7}
  syslog: {enabled: true}
"""


def test_by_default_nothing_leaves_the_host() -> None:
    assert [outlet.sink.name for outlet in outlets(Config())] == ["jsonl", "log"]


def test_each_section_makes_a_sink_with_its_manner() -> None:
    found = {outlet.sink.name: outlet for outlet in outlets(parse(ALL, "f"))}
    names = ["jsonl", "log", "stdout", "alertmanager", "webhook", "email", "syslog"]
    assert list(found) == names
    assert {name: one.resend_seconds for name, one in found.items() if one.resend_seconds} == {
        "alertmanager": 30
    }
    assert {name: one.gather_seconds for name, one in found.items() if one.gather_seconds} == {
        "email": 7
    }
    # what is on the host is tried again soon
    assert [name for name, one in found.items() if one.last_delay < 60] == names[:3]
    assert found["webhook"].batch == 1
    assert all(outlet.where for outlet in found.values())
    given = patience(parse(ALL, "f"))
    assert (given.refused_tries, given.give_up_seconds, given.dead_limit) == (3, 7200, 5)
