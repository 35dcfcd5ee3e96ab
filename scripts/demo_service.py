#!/usr/bin/env python3
"""A small real service for the demo: it writes a log, and after a while breaks in several ways.

Usage: demo_service.py FOLDER BREAK_AFTER_SECONDS. It stores orders in an SQLite file, asks an HTTP
server for prices, and keeps backups, caches and exports. Every failure is real: a corrupt
database, an upstream that is gone, a full device, a folder that is gone, memory at its limit and a
defect in the code. It ends on SIGTERM and prints the number of lines written.
"""

from __future__ import annotations

import logging
import random
import resource
import shutil
import signal
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import FrameType

PAUSE_SECONDS = 0.15


class Counting(logging.FileHandler):
    """Counts the physical lines that it writes."""

    lines = 0

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; its lines will be written next."""
        text = super().format(record)
        self.lines += text.count("\n") + 1
        return text


class Prices(BaseHTTPRequestHandler):
    """The upstream: answers a price."""

    def do_GET(self) -> None:
        """Answer a request."""
        body = str(random.randrange(100, 9999)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the shop logs."""


class Shop:
    """The service: each method is one kind of work, healthy until its part is broken."""

    def __init__(self, folder: Path, upstream: ThreadingHTTPServer) -> None:
        self.folder = folder
        self.upstream = upstream
        self.prices = f"http://127.0.0.1:{upstream.server_address[1]}"
        self.database = folder / "orders.db"
        self.backup = folder / "backup"
        self.exports = folder / "exports"
        self.exports.mkdir()
        self.rates: dict[str, float] | None = {"EUR": 1.0, "USD": 1.08}
        self.cache_bytes = 1 << 16
        with sqlite3.connect(self.database) as db:
            db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, price INTEGER)")

    def order(self, log: logging.Logger) -> None:
        """Store an order."""
        item = random.choice(["lamp", "desk", "chair", "shelf"])
        db = sqlite3.connect(self.database)
        try:
            with db:
                number = db.execute(
                    "INSERT INTO orders (item, price) VALUES (?, ?)", (item, random.randrange(9999))
                ).lastrowid
        finally:
            db.close()
        log.info("order %s stored for customer %s: %s", number, random.randrange(10_000), item)

    def price(self, log: logging.Logger) -> None:
        """Ask the upstream for a price."""
        started = time.perf_counter()
        with urllib.request.urlopen(f"{self.prices}/{random.randrange(500)}", timeout=2) as answer:
            value = int(answer.read())
        log.info("price %s fetched in %d ms", value, (time.perf_counter() - started) * 1000)

    def save(self, log: logging.Logger) -> None:
        """Write a backup."""
        size = random.randrange(1000, 90_000)
        with self.backup.open("wb") as file:
            file.write(bytes(size))
        log.info("backup of %d bytes written", size)

    def export(self, log: logging.Logger) -> None:
        """Write an export."""
        name = f"export-{random.randrange(100)}.csv"
        (self.exports / name).write_text("id,item\n")
        log.info("export %s finished with %d rows", name, random.randrange(1, 200))

    def cache(self, log: logging.Logger) -> None:
        """Fill a cache."""
        kept = bytearray(self.cache_bytes)
        log.info("cache refreshed, %d entries", len(kept) // 100)

    def convert(self, log: logging.Logger) -> None:
        """Convert a sum."""
        total = random.randrange(1, 500) * self.rates["USD"]  # type: ignore[index]
        log.info("invoice total %.2f USD sent", total)

    def break_all(self) -> None:
        """Break every part for real."""
        content = self.database.read_bytes()
        self.database.write_bytes(b"\0" * 200 + content[200:])
        self.upstream.shutdown()
        self.upstream.server_close()
        self.backup.unlink(missing_ok=True)
        self.backup.symlink_to("/dev/full")
        shutil.rmtree(self.exports)
        self.cache_bytes = 1 << 40
        self.rates = None


def work(name: str, task: Callable[[logging.Logger], None]) -> None:
    """Do one piece of work and log how it failed."""
    log = logging.getLogger(name)
    try:
        task(log)
    except sqlite3.Error as error:
        log.error("cannot store order: %s", error)
    except urllib.error.URLError as error:
        log.error("price service unreachable: %s", error.reason)
    except FileNotFoundError as error:
        log.error("export failed: %s", error)
    except MemoryError:
        log.critical("out of memory while refreshing the cache, giving up")
    except OSError as error:
        log.error("backup failed: %s", error)
    except TypeError:
        log.exception("unhandled exception in worker")


def main() -> None:
    """Serve, break, go on, end on SIGTERM."""
    folder, break_after = Path(sys.argv[1]), float(sys.argv[2])
    handler = Counting(folder / "service.log")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
    upstream = ThreadingHTTPServer(("127.0.0.1", 0), Prices)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    shop = Shop(folder, upstream)
    stop = threading.Event()

    def end(_: int, __: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, end)
    logging.getLogger("main").info("service started, pid %d", 1000 + random.randrange(9000))
    tasks = {
        "orders": shop.order,
        "prices": shop.price,
        "backup": shop.save,
        "export": shop.export,
        "cache": shop.cache,
        "billing": shop.convert,
    }
    started, broken = time.monotonic(), False
    while not stop.wait(PAUSE_SECONDS):
        if not broken and time.monotonic() - started > break_after:
            shop.break_all()
            broken = True
        name = random.choice(list(tasks))
        work(name, tasks[name])
    print(handler.lines)


if __name__ == "__main__":
    main()
