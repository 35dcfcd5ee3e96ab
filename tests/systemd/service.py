"""The service inside a booted system: started, stopped, asked."""

from __future__ import annotations

import json
from typing import Any

from tests.systemd.machine import INSTALLED, Machine, until

UNIT = "tinylogbert.service"
DROP_INS = f"/etc/systemd/system/{UNIT}.d"
CONFIG = "/etc/tinylogbert/tinylogbert.yaml"
STATE = "/var/lib/tinylogbert"


class InstalledService:
    """The unit as it is installed; drop-ins add what a test needs."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def drop_in(self, name: str, *lines: str) -> None:
        """Add lines to the unit's [Service]."""
        path = self.machine.path(DROP_INS)
        path.mkdir(exist_ok=True)
        (path / f"{name}.conf").write_text("\n".join(["[Service]", *lines, ""]))
        self.machine.run("systemctl daemon-reload")

    def start(self) -> None:
        """Start it; systemd waits for READY=1."""
        done = self.machine.call(f"systemctl start {UNIT}")
        if done.returncode != 0 and "status=219/CGROUP" in self.journal():
            # a guest's systemd may lose its service's group just made to one just removed
            done = self.machine.call(f"systemctl start {UNIT}")
        assert done.returncode == 0, done.stderr + self.journal()

    def stop(self) -> None:
        self.machine.run(f"systemctl stop {UNIT}")

    def show(self, name: str) -> str:
        return self.machine.show(UNIT, name)

    def journal(self) -> str:
        """Return what systemd has kept of the service's log, and said of the service itself."""
        return self.machine.run(f"journalctl --no-pager -o cat -u {UNIT}")

    def write(self, name: str, *lines: str, mode: int = 0o640, group: str = "adm") -> str:
        """Append lines to a log, which is root's and a group's to read; return its path inside."""
        path = f"/var/log/{name}"
        with self.machine.path(path).open("a") as file:
            file.writelines(f"{line}\n" for line in lines)
        self.machine.run(f"chown root:{group} {path} && chmod {mode:o} {path}")
        return path

    def configure(self, text: str) -> None:
        self.machine.path(CONFIG).write_text(text)

    def get(self, path: str) -> str:
        # while it reloads, its port is closed for a moment
        retry = "--retry 5 --retry-delay 1 --retry-connrefused"
        return self.machine.run(f"curl -sS {retry} 127.0.0.1:5000{path}")

    def detect(self, text: str) -> dict[str, Any]:
        """Return what the API answers about a text."""
        body = json.dumps({"log_text": text})
        answer = self.machine.run(
            "curl -sS -H 'Content-Type: application/json' -d @- "
            f"127.0.0.1:5000/api/anomaly/detect <<'END'\n{body}\nEND"
        )
        found: dict[str, Any] = json.loads(answer)
        return found

    def committed(self) -> dict[str, int]:
        """Return the committed lines by path, read from the state, whether it runs or not."""
        said = self.machine.run(f"{INSTALLED}/bin/tinylogbert status --json -c {CONFIG}")
        found: dict[str, int] = json.loads(said)["files"]
        return found

    def status_files(self) -> dict[str, int]:
        """Return the committed lines by path, as the running daemon says them."""
        found: dict[str, int] = json.loads(self.get("/api/status"))["files"]
        return found

    def until_committed(self, path: str, lines: int) -> None:
        until(lambda: self.status_files().get(path, 0) >= lines, f"{lines} lines of {path}")
