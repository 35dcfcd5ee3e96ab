"""What goes on of open incidents, folded over blocks until their effects are committed.

An incident that a busy source feeds grows with each block; what is kept of that is a sum, a maximum
and a last line, so that it is worked out once a commit, not once a block.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tinylogbert_daemon.decide.incident import Growth
from tinylogbert_daemon.decide.incidents import IncidentBook
from tinylogbert_daemon.model.scorer import Verdict
from tinylogbert_daemon.pipeline.judged import Judged, readable
from tinylogbert_daemon.pipeline.private import Private
from tinylogbert_daemon.state.effects import Effects


class Growing:
    """The growth that the open incidents of ``book`` have not been told of yet.

    Whoever opens or closes incidents, or commits, settles first; so the book is never behind where
    it matters, and what blocks added is committed with them.
    """

    def __init__(self, book: IncidentBook, private: Private) -> None:
        self._book = book
        self._private = private
        self._growths: dict[str, Growth] = {}  # by incident
        self._lines: dict[str, Callable[[], bytes]] = {}

    def add(self, judged: Judged, verdict: Verdict, records: int, score: float) -> None:
        """Let the open incident that covers ``verdict`` grow by ``records`` of a block.

        The verdicts of a block come in order of their first records.
        """
        source = judged.block.source
        id_ = self._book.covering(source, verdict.key)
        # of all that come until the commit, only the last one is cut out of its block
        self._lines[id_] = partial(judged.last_line, verdict)
        growth, step = self._growths.get(id_), (judged.now, records)
        if growth is None:
            self._growths[id_] = Growth(
                source, verdict.key, "", judged.now, records, 1, score, [step]
            )
        else:
            growth.steps.append(step)
            growth.until = max(growth.until, judged.now)
            growth.records += records
            growth.times += 1
            growth.score = max(growth.score, score)

    def settle(self, effects: Effects) -> None:
        """Tell the book, and have the incidents committed with ``effects``."""
        for id_, growth in self._growths.items():
            growth.last_line = readable(self._lines[id_](), self._private)
            effects.incidents[id_] = self._book.grow(growth)
        self._growths.clear()
        self._lines.clear()
