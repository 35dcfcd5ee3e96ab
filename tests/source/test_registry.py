"""Claims and positions of open files: forgetting an owner leaves the others', and no rest."""

from __future__ import annotations

import random

import pytest

from tinylogbert_daemon.source import registry
from tinylogbert_daemon.source.block import FileKey, Position
from tinylogbert_daemon.source.registry import OpenFiles


def position(inode: int) -> Position:
    return Position(FileKey(1, inode, b""), 10, 1, b"")


class _Reader:
    head = b""
    given = None


@pytest.mark.parametrize("seed", range(20))
def test_claims_and_positions_are_those_of_a_simple_model(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(registry, "_REMEMBERED", 4)
    chance = random.Random(seed)
    files, owners = OpenFiles(), [object() for _ in range(4)]
    claimed: dict[int, object] = {}
    left: dict[int, object] = {}
    for _ in range(400):
        inode, owner = chance.randrange(8), chance.choice(owners)
        action = chance.choice(["claim", "release", "leave", "forget"])
        if action == "claim":
            assert files.claim(1, inode, owner, _Reader()) is (
                claimed.setdefault(inode, owner) is owner
            )
        elif action == "forget" and chance.random() < 0.3:
            files.forget(owner)
            claimed = {one: by for one, by in claimed.items() if by is not owner}
            left = {one: by for one, by in left.items() if by is not owner}
        elif action in ("release", "leave"):
            files.release(1, inode, owner, position(inode) if action == "leave" else None)
            if claimed.get(inode) is owner:
                del claimed[inode]
            if action == "leave":
                left.pop(inode, None)
                left[inode] = owner
                if len(left) > 4:
                    del left[next(iter(left))]
        for one in range(8):
            assert bool(files.positions(1, one)) == (one in left)
    for owner in owners:
        files.forget(owner)
    assert not files._owners and not files._left and not files._readers and not files._of
    assert all(not files.positions(1, inode) for inode in range(8))
