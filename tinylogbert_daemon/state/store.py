"""The state as the daemon writes it: commits, deliveries struck off, what is let go of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tinylogbert_daemon.decide.incident import Incident
from tinylogbert_daemon.decide.incidents import OPEN_TEXTS
from tinylogbert_daemon.privacy import Masker
from tinylogbert_daemon.state.backup import drop_old
from tinylogbert_daemon.state.commit import write
from tinylogbert_daemon.state.database import DATABASE
from tinylogbert_daemon.state.deliveries import Deliveries
from tinylogbert_daemon.state.effects import Effects
from tinylogbert_daemon.state.models import Models
from tinylogbert_daemon.state.retention import expire, limit
from tinylogbert_daemon.state.scrub import scrub
from tinylogbert_daemon.state.spool import Spool
from tinylogbert_daemon.state.sums import seal_new
from tinylogbert_daemon.state.view import INCIDENTS_KEPT

__all__ = ["DATABASE", "FILES_KEPT", "INCIDENTS_KEPT", "Store"]

FILES_KEPT = 10_000

_EMPTY_BYTES = 1 << 20
"""From so many on, of at least a third of the database, what is unused is given back."""

_MORE_CLOSED = 1_000
"""After so many closed incidents the oldest are let go of, without waiting for :meth:`prune`."""


class Store(Deliveries):
    """The durable state; with ``read_only`` beside a daemon that writes it.

    ``checked`` says whether all of it was looked at for damage when it was opened.
    """

    def __init__(
        self, directory: Path, *, read_only: bool = False, spool: Spool | None = None
    ) -> None:
        super().__init__(directory, read_only=read_only)
        self._spool = spool or Spool()
        self.checked = False
        self._closed = 0
        self._stale = False  # whether the database holds much, or anything, of what was deleted

    def open_alerted(self) -> list[Incident]:
        """Return the open incidents whose opening was sent, the newest first."""
        return self.incidents(only_open=True, only_alerted=True, limit=OPEN_TEXTS)

    def resume_incidents(self, limit: int = OPEN_TEXTS) -> list[Incident]:
        """Return the open incidents, the one seen last at the end; close those beyond ``limit``."""
        with self._transaction("cannot write"):
            self._db.execute(
                "UPDATE incidents SET closed = last_seen, close_reason = 'too many open', "
                "sum = NULL WHERE id IN (SELECT id FROM incidents WHERE closed IS NULL "
                "ORDER BY last_seen DESC LIMIT -1 OFFSET ?)",
                (limit,),
            )
            seal_new(self._db, "incidents")
        found = self.incidents(only_open=True, limit=limit)
        return sorted(found, key=lambda one: one.last_seen)

    def commit(self, effects: Effects) -> Counter[str]:
        """Commit the effects of whole blocks in one transaction, all or nothing.

        Returns how many deliveries the full spool has dropped, by sink.
        """
        with self._transaction("cannot commit"):
            write(self._db, effects)
            changed = effects.incidents.values()
            closed = self._closed + sum(one.closed is not None for one in changed)
            if closed >= _MORE_CLOSED:
                closed = 0
                limit(self._db, FILES_KEPT, INCIDENTS_KEPT)
            dropped = self._spool.add(self._db, effects.deliveries)
        self._closed = closed
        return dropped

    def prune(self, retention: float = 0.0, now: float = 0.0) -> None:
        """Let go of the oldest files and closed incidents beyond what is kept.

        With a ``retention`` (seconds) also of what is older at ``now``: that is gone for good.
        Where much of the database is unused, it becomes smaller.
        """
        with self._transaction("cannot write"):
            limit(self._db, FILES_KEPT, INCIDENTS_KEPT)
            if retention > 0 and expire(self._db, retention, now):
                self._stale = True
        drop_old(self.path)
        self._stale = self._stale or self._is_mostly_empty()
        if self._stale or retention > 0:
            self._rewrite()

    def _is_mostly_empty(self) -> bool:
        """Tell whether what was owed and is delivered, say, has left much room."""
        pages, free, size = (
            int(self._read(f"PRAGMA {name}")[0][0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return free * size >= _EMPTY_BYTES and free * 3 >= pages

    def scrub(self, masker: Masker | None) -> None:
        """Mask what was kept before these rules were on; None: from now on nothing is masked.

        The texts in the models' ledger are let go of.
        """
        with self._transaction("cannot write"):
            if scrub(self._db, masker):
                self._stale = True
                Models(self.path.parent).forget_texts()
        if self._stale:
            self._rewrite()

    def _rewrite(self) -> None:
        """Leave nothing of what was deleted or masked in the files."""
        if self._stale:
            self._read("VACUUM")
            self._stale = False
        # the log that holds it still is emptied; while others read it, the next time
        self._read("PRAGMA wal_checkpoint(TRUNCATE)")
