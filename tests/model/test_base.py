"""The model in the package: it is what the code says, small enough, and tells trouble apart."""

from __future__ import annotations

import re
import zipfile

from tinylogbert_daemon.decide.engine import Engine
from tinylogbert_daemon.decide.score import Decider
from tinylogbert_daemon.model.artifact import BASE_MODEL, base_folder, load
from tinylogbert_daemon.model.scorer import Scorer

# written for this test; none is in the corpora
TROUBLE = [
    "2026-11-23 18:10:53,249 ERROR [orders] cannot store order 17: file is not a database",
    "2026-11-23 18:10:53,249 ERROR [prices] price service unreachable: Connection refused",
    "2026-11-23 18:10:53,249 ERROR [backup] backup failed: No space left on device",
    "Nov 23 18:10:53 web kernel: EXT4-fs error (device sda1): unable to read inode 131",
    'Nov 23 18:10:53 web app[12]: unhandled exception in worker: "NoneType" is not callable',
]
HEALTHY = [
    "2026-11-23 18:10:53,249 INFO [orders] order 17 stored for customer 4431",
    "2026-11-23 18:10:53,249 INFO [main] service started, pid 3321",
    "Nov 23 18:10:53 web sshd[12]: Accepted publickey for deploy from 10.0.0.1 port 2200",
    "Nov 23 18:10:53 web systemd[1]: Started Session 12 of user root.",
    '10.0.0.1 - - [23/Nov/2026:18:10:53 +0000] "GET /shop HTTP/1.1" 200 123 "-" "curl/8.1"',
]


def test_it_is_the_pinned_one_and_small() -> None:
    artifact = load()
    assert artifact.name == BASE_MODEL == base_folder().name
    assert sum(file.stat().st_size for file in base_folder().iterdir()) < 15_000_000
    assert artifact.tokenizer.size <= 8192


def test_its_card_names_it_and_its_licences() -> None:
    card = (base_folder().parent / "MODEL_CARD.md").read_text()
    assert BASE_MODEL in card
    assert "CC-BY-4.0" in card and "Apache-2.0" in card and "BSD-2-Clause" in card


def test_it_tells_trouble_from_health() -> None:
    artifact = load()
    engine = Engine(Scorer(artifact), Decider.of(artifact, 0.5, 1e9), lambda: 0.0)
    trouble = [found["severity"] for found in engine.results(TROUBLE)]
    healthy = [found["severity"] for found in engine.results(HEALTHY)]
    assert min(trouble) > max(healthy)


def test_it_holds_no_text_of_its_corpora() -> None:
    """Weights and a vocabulary of words only: no counts, no paths of whoever trained it."""
    artifact = load()
    assert artifact.manifest.counts == {}
    with zipfile.ZipFile(base_folder() / "model.pt") as archive:
        parts = [archive.read(entry) for entry in archive.infolist()]
    for part in ((base_folder() / "manifest.json").read_bytes(), *parts):
        assert not re.search(rb"/[\w.-]{2,40}/[\w./-]{2,40}/\w{2,40}\.py", part)
        assert not re.search(rb"/(?:home|root|tmp)/", part)
