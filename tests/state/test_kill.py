"""A process that is killed while it commits leaves whole commits behind, each once."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

from tests.state.effects import PATH, SOURCE
from tinylogbert_daemon.state import Store

KILLS = 12
_WRITER = """
import sys
from pathlib import Path
from tests.state.effects import block_effects
from tinylogbert_daemon.state import Store

store = Store(Path(sys.argv[1]))
(row,) = store.files() or [None]
block = row.position.offset // 100 if row else 0
while True:
    store.commit(block_effects(block))
    block += 1
    print(block, flush=True)
"""


def test_a_writer_killed_again_and_again_leaves_whole_commits(tmp_path: Path) -> None:
    choose = random.Random(1)
    reached = 0
    for _ in range(KILLS):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        ) as writer:
            assert writer.stdout is not None
            for _ in range(choose.randrange(1, 30)):
                reached = int(writer.stdout.readline())
            # with the pipe unread it goes on, and is somewhere in a commit when the signal comes
            writer.send_signal(signal.SIGKILL)
            later = writer.stdout.read().split()
            reached = int(later[-1]) if later else reached
        reached = _check(tmp_path, reached)
    assert reached >= KILLS


def _check(directory: Path, said: int) -> int:
    """Check that every table speaks of the same number of blocks; return it."""
    store = Store(directory)
    (row,) = store.files()
    blocks = row.position.offset // 100
    assert blocks in (said, said + 1)  # what it said is there; one more may be
    assert row.position.tail == b"tail%d" % (blocks - 1)
    assert store.committed_lines() == {PATH: 10 * blocks}
    assert store.sources() == {SOURCE: (10 * blocks, 500.0, 1000.0 + blocks - 1)}
    counts = {key: count for key, count, _ in store.counts()}
    assert counts == {7: float(blocks)} | {100 + block: 1.0 for block in range(blocks)}
    assert store.reference("model") == b"%d" % (blocks - 1)
    assert len(store.incidents()) == blocks
    owed = store.pending("jsonl", 100_000)
    assert [found.body for found in owed] == [f'{{"block": {block}}}' for block in range(blocks)]
    store.close()
    return blocks
