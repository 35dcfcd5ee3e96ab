"""A log whose glob matches what is rotated away from it, too: each name has a tail of its own."""

from __future__ import annotations

from typing import cast

from tests.source.scene import Scene
from tinylogbert_daemon.source.block import Block
from tinylogbert_daemon.source.discover import Discovery
from tinylogbert_daemon.source.registry import OpenFiles
from tinylogbert_daemon.source.tail import Start, Tail


class Tails:
    """The tails of all that ``log*`` matches, as one: scanned for before each look."""

    def __init__(self, scene: GlobbedScene, files: OpenFiles) -> None:
        self._scene = scene
        self._files = files
        self._discovery = Discovery([f"{scene.path}*"], lookup=files.positions)
        self._tails: dict[str, Tail] = {}

    def read(self) -> Block | None:
        """Return the next block of any tail."""
        for path in self._discovery.scan().paths:
            if path not in self._tails:
                self._tails[path] = self._scene.new_tail(path, None, self._files)
        tails = sorted(self._tails.items(), reverse=self._scene.last_first)
        for path, tail in tails:
            block = tail.read_at_once() or tail.read()
            if block is not None:
                return block
            if tail.gone:
                tail.close()
                del self._tails[path]
        return None

    def read_at_once(self) -> Block | None:
        """Say nothing: :meth:`read` does."""
        return None

    def close(self) -> None:
        """Close all."""
        for tail in self._tails.values():
            tail.close()


class GlobbedScene(Scene):
    """A scene in which all names of the log are followed.

    The tails look in the order of the names or, ``last_first``, the other way round.
    """

    last_first = False

    def new_reader(self, start: Start, files: OpenFiles) -> Tail:
        """Return the tails of all as one; what they find is read from its beginning."""
        assert start is None
        return cast("Tail", Tails(self, files))  # as far as a scene reads it
