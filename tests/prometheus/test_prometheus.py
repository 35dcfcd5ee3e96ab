"""The real Prometheus scrapes the real daemon: rules fire, and the dashboard has something to show.

The shipped rules are taken with their times shortened: a minute lasts a tenth of a second, a window
six seconds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.daemon.service import Service, until
from tests.prometheus.test_rules import DASHBOARD, PROMETHEUS
from tests.source.journals import FakeJournalctl, printed

pytestmark = [
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="needs prometheus (Debian's package)"
    ),
    pytest.mark.timeout(240),
]

WINDOW = "6s"


class Server:
    """A Prometheus that scrapes one target twice a second."""

    def __init__(self, folder: Path, target: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        folder.mkdir()
        config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
        config["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
        config["scrape_configs"][0]["static_configs"][0]["targets"] = [target]
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        for name in config["rule_files"]:
            (folder / name).write_text(shortened((PROMETHEUS / name).read_text()))
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=self.log,
            stderr=self.log,
        )

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer of the API, or None before it is up."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except OSError:
            return None

    def firing(self) -> set[str]:
        found = self.ask("alerts") or {"alerts": []}
        return {one["labels"]["alertname"] for one in found["alerts"] if one["state"] == "firing"}

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def shortened(rules: str) -> str:
    """Return rules whose windows are of some seconds, and whose days are of some milliseconds."""
    rules = re.sub(r"\[\d+[mhd]\]", f"[{WINDOW}]", rules)
    rules = re.sub(r"for: (\d+)[mh]", "for: 1s", rules)
    return rules.replace("86400", "0.001")


@pytest.fixture
def server(service: Service, tmp_path: Path) -> Iterator[Server]:
    """A Prometheus beside a daemon that may not read what its file's mode forbids.

    Its journalctl writes what is no entry besides one, and ends, again and again.
    """
    journalctl = FakeJournalctl(tmp_path / "bin")
    for number in range(20):
        journalctl.prepare(f"garbage\n{printed(number)}", status=1)
    service.configure(
        sources=[*service.config["sources"], {"name": "host", "journal": True}],
        decision={"learning_hours": 0, "threshold": 0.0, "storm_texts": 3, "quiet_seconds": 5},
    )
    forbidden = service.write("forbidden.log", "nobody may read this")
    forbidden.chmod(0)
    drop = "-dac_override,-dac_read_search"
    as_root = ("setpriv", "--inh-caps=-all", f"--bounding-set={drop}") if os.geteuid() == 0 else ()
    path = f"{journalctl.directory}:{os.environ['PATH']}"
    service.start(wrapper=as_root, env={"PATH": path})
    target = urllib.parse.urlsplit(service.events("running")[-1]["http"]).netloc
    made = Server(tmp_path / "prometheus", target)
    yield made
    made.close()


@pytest.fixture
def service(tmp_path: Path, model_folder: Path) -> Iterator[Service]:
    made = Service(tmp_path, model_folder)
    yield made
    made.kill()


def test_rules_fire_and_the_dashboard_shows(server: Server, service: Service) -> None:
    # a file that may not be read, a model of yore (a day is a millisecond)
    until(
        lambda: server.firing() >= {"TinyLogBERTFilesNotTailed", "TinyLogBERTModelStale"},
        "not tailed, stale",
    )

    until(lambda: "TinyLogBERTLinesDropped" in server.firing(), "lines dropped")

    # many kinds of lines at once, and nowhere to deliver to
    alerts = service.state / "alerts.jsonl"
    alerts.unlink(missing_ok=True)
    alerts.mkdir()
    words = [f"{a}{b}" for a in ("ba", "ke", "di", "lo", "mu") for b in ("ra", "se", "ti", "vo")]
    count = 0

    def storm() -> bool:
        nonlocal count
        count += 1
        some = words[count % 5 :: 5]
        service.write("app.log", *(f"ERROR {word} {'x' * (count % 50)} failed" for word in some))
        return server.firing() >= {"TinyLogBERTStorm", "TinyLogBERTAlertsFailing"}

    until(storm, "storm, alerts failing")
    alerts.rmdir()

    # nothing is written any more
    until(lambda: "TinyLogBERTNothingRead" in server.firing(), "nothing read")

    # the state's disk is stuck, and more and more is written
    with sqlite3.connect(service.state / "state.db", isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        line = "INFO nothing special happened here at all today " + "y" * 200

        def flood() -> bool:
            service.write("app.log", *[line] * 4000)
            return "TinyLogBERTLagGrowing" in server.firing()

        until(flood, "lag growing")
        other.execute("ROLLBACK")
    other.close()

    # every query of the dashboard has an answer
    empty = [query for query in queries() if not server.ask("query", query=query)["result"]]
    assert not empty

    service.kill()
    until(lambda: "TinyLogBERTDown" in server.firing(), "down")


def queries() -> list[str]:
    """Return the queries of the dashboard, as Grafana would ask them for all hosts."""
    found = []
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", ()):
            query = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
            found.append(query.replace("$job", ".*"))
    assert len(found) > 20
    return found
