"""Pools of threads whose number never changes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor


def filled_pool(threads: int, name: str) -> ThreadPoolExecutor:
    """Return a pool, all of whose ``threads`` run already.

    A pool of the standard library starts a thread whenever none happens to be idle, so that a
    daemon would have one more now and then for hours, which looks like a leak. Raises
    ``RuntimeError`` if the system allows no more threads.
    """
    pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
    all_here = threading.Barrier(threads)
    try:
        for _ in range(threads):
            pool.submit(all_here.wait)
    except RuntimeError:
        all_here.abort()
        raise
    return pool
