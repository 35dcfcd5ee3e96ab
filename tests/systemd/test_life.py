"""Start, watchdog, reload and stop, with the real systemd as the manager."""

from __future__ import annotations

import re
import time

from tests.systemd.machine import until
from tests.systemd.service import STATE, InstalledService

# long enough for a heartbeat at each half of it on a busy machine, short enough for a test
WATCHDOG_SECONDS = 3


def test_it_is_ready_says_so_and_stops_in_time(service: InstalledService) -> None:
    path = service.write("app.log", "Nov 24 10:00:00 db1 app[1]: started")
    service.start()
    # Type=notify: the start has waited for READY=1
    assert (service.show("ActiveState"), service.show("SubState")) == ("active", "running")
    assert service.show("NotifyAccess") == "main"
    until(
        lambda: service.show("StatusText") == "following 1 files, 0 bytes behind, 0 incidents open",
        "the status",
    )
    service.write("app.log", *[f"Nov 24 10:00:01 db1 app[1]: request {n} done" for n in range(500)])
    service.until_committed(path, 500)

    started = time.monotonic()
    service.stop()
    took = time.monotonic() - started
    assert service.show("ActiveState") == "inactive"
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")
    limit = int(service.show("TimeoutStopUSec").removesuffix("s"))
    assert took < limit / 3
    # what was committed is there, and nobody else's to read
    assert service.committed() == {path: 500}
    modes = service.machine.run(f"stat -c '%a %U' {STATE} {STATE}/state.db").splitlines()
    assert modes == ["710 tinylogbert", "600 tinylogbert"]


def test_the_watchdog_ends_a_daemon_that_hangs_and_leaves_a_busy_one_alone(
    service: InstalledService,
) -> None:
    service.drop_in("quick", f"WatchdogSec={WATCHDOG_SECONDS}", "RestartSec=100ms")
    path = service.write("app.log", "Nov 24 10:00:00 db1 app[1]: started")
    service.start()
    service.write("app.log", "Nov 24 10:00:01 db1 app[1]: before")
    service.until_committed(path, 1)
    hung = service.show("MainPID")
    service.machine.run(f"kill -STOP {hung}")
    service.write("app.log", "Nov 24 10:00:02 db1 app[1]: while it hung")
    until(lambda: service.show("NRestarts") == "1", "the restart")
    until(lambda: service.show("SubState") == "running", "running again")
    assert "Watchdog timeout" in service.journal()
    main = service.show("MainPID")
    assert main != hung
    service.until_committed(path, 2)

    # each line is a new text: more of them than the model can score in the time of this test
    service.write("app.log", *[f"app: {_words(n)} failed" for n in range(6000)])
    end = time.monotonic() + 2.5 * WATCHDOG_SECONDS
    calls = _calls(service)
    while time.monotonic() < end:
        wanted = calls + 1
        until(lambda: _calls(service) >= wanted, "a call of the model")  # noqa: B023
        calls = _calls(service)
    assert _owed(service) > 0  # busy to the end
    assert (service.show("MainPID"), service.show("NRestarts")) == (main, "1")


def _calls(service: InstalledService) -> float:
    """Return how often the model was called."""
    name = "tinylogbert_inference_duration_seconds_count"
    found = re.search(rf"^{name} (\S+)", service.get("/metrics"), re.MULTILINE)
    assert found is not None
    return float(found[1])


def _owed(service: InstalledService) -> float:
    """Return how many texts await their verdict."""
    found = re.findall(
        r"^tinylogbert_verdicts_owed\S* (\S+)", service.get("/metrics"), re.MULTILINE
    )
    return sum(map(float, found))


def _words(number: int) -> str:
    """Return words that no other number gives: letters, since digits make no other text."""
    letters = "abcdefghijklmnopqrst"
    return " ".join(
        f"{letters[int(digit)]}{letters[int(digit) + 10]}ing" * 2 for digit in f"{number:05}"
    )


def test_a_reload_with_a_wrong_configuration_keeps_the_old_one(service: InstalledService) -> None:
    path = service.write("app.log", "Nov 24 10:00:00 db1 app[1]: started")
    service.start()
    main = service.show("MainPID")
    other = service.machine.run("mktemp -d -p /opt && chmod 755 /opt/tmp.*").split()[0]

    service.configure("http:\n  prot: 1\n")
    assert service.machine.call("systemctl reload tinylogbert").returncode != 0
    assert "tinylogbert.yaml:2: http.prot: unknown key; did you mean 'port'?" in service.journal()
    service.write("app.log", "Nov 24 10:00:01 db1 app[1]: with the old one")
    service.until_committed(path, 1)

    added = f"{other}/new.txt"
    service.configure(f"sources:\n  - name: new\n    paths: [{added}]\n")
    service.machine.run("systemctl reload tinylogbert")
    # what is there before would be read back for counts alone
    until(lambda: service.show("StatusText").startswith("following 0 files"), "the new sources")
    service.machine.run(f"echo 'a line' > {added}")
    service.until_committed(added, 1)
    assert (service.show("MainPID"), service.show("NRestarts")) == (main, "0")
    until(lambda: service.show("StatusText").startswith("following 1 files"), "the status")


def test_a_start_with_a_wrong_configuration_says_why_and_does_not_loop(
    service: InstalledService,
) -> None:
    service.drop_in("quick", "RestartSec=10ms")
    service.configure("decision:\n  threshold: 7\n")
    assert service.machine.call("systemctl start tinylogbert").returncode != 0
    # StartLimitBurst: five starts, then it is left alone
    until(lambda: service.show("ActiveState") == "failed", "failed for good")
    assert service.show("NRestarts") == "5"
    journal = service.journal()
    assert journal.count("decision.threshold: must be at most 1.0") >= 5
    assert "Traceback" not in journal
