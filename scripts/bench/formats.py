#!/usr/bin/env python3
"""How often is a record's header read rightly? The 13 systems' logs, against their own layout.

What is right is read by a rule of each system's own, which knows in which columns time, level and
message stand there; the daemon has to find out by itself. A field that a system does not have is
right if none is found. Records that do not have the system's layout are left out (``odd``).
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import quality_data
from common import finish, parser, say

from tinylogbert_daemon.levels import LEVEL_OF_LETTER, LEVEL_OF_WORD
from tinylogbert_daemon.source.dating import recognise
from tinylogbert_daemon.source.header import read

_NOW = datetime(2025, 12, 31, tzinfo=UTC).timestamp()
_SYSLOG = (
    r"(?P<t>\w{3} +\d+ [\d:]{8}) \S+ (?:[^:\[ ]+(?: [\d.]+)?(?:\[\d+\])?: ?)?(?P<m>.*)",
    "%b %d %H:%M:%S",
)
LAYOUTS = {
    "Android": (r"(?P<t>\S+ \S+?)\.\d+ +\d+ +\d+ (?P<l>\w) [^:]*?: (?P<m>.*)", "%m-%d %H:%M:%S"),
    "Apache": (
        r"\[\w{3} (?P<t>.{15} \d{4})\] \[(?P<l>\w+)\] (?:\[client \S+\] )?(?P<m>.*)",
        "%b %d %H:%M:%S %Y",
    ),
    "BGL": (r"\S+ (?P<t>\d{10}) \S+ \S+ \S+ \S+ \S+ \S+ (?P<l>\S+) (?P<m>.*)", ""),
    "HDFS": (r"(?P<t>\d{6} \d{6}) \d+ (?P<l>\w+) [\w.$]+: (?P<m>.*)", "%y%m%d %H%M%S"),
    "HPC": (r"\d+ \S+ \S+ \S+ (?P<t>\d{10}) \d (?P<m>.*)", ""),
    "HealthApp": (r"(?P<t>\d{8}-\d+:\d+:\d+):\d+\|\w+\|\d+\|(?P<m>.*)", "%Y%m%d-%H:%M:%S"),
    "Linux": _SYSLOG,
    "Mac": _SYSLOG,
    "OpenSSH": _SYSLOG,
    "Proxifier": (r"\[(?P<t>[\d.]+ [\d:]+)\] \S+(?: \*64)? - (?P<m>.*)", "%m.%d %H:%M:%S"),
    "Spark": (r"(?P<t>\S+ \S+) (?P<l>\w+) [\w.$]+: (?P<m>.*)", "%y/%m/%d %H:%M:%S"),
    "Windows": (r"(?P<t>\S+ [\d:]+), (?P<l>\w+) +\w+ +(?P<m>.*)", "%Y-%m-%d %H:%M:%S"),
    "Zookeeper": (
        r"(?P<t>\S+ [\d:]+),\d+ - (?P<l>\w+) +\[.*?@\d+\] - (?P<m>.*)",
        "%Y-%m-%d %H:%M:%S",
    ),
}  # fmt: skip


def expected(match: re.Match[str], layout: str) -> tuple[float, str | None, str]:
    """Return time, level and message as the system's layout has them."""
    word = match.groupdict().get("l") or ""
    level = LEVEL_OF_LETTER.get(word) or LEVEL_OF_WORD.get(word.lower())
    if not layout:
        return float(match["t"]), level, match["m"]
    if "%Y" in layout or "%y" in layout:
        return datetime.strptime(match["t"] + "+0000", layout + "%z").timestamp(), level, match["m"]
    # _NOW is the last day of its year, so that a date of no year is of that one
    text = f"2025 {match['t']}+0000"
    return datetime.strptime(text, f"%Y {layout}%z").timestamp(), level, match["m"]


def measure(name: str, content: bytes) -> dict[str, Any]:
    """Return the shares of a system's records of which each field is read rightly."""
    rule, layout = LAYOUTS[name]
    records = [line.rstrip(b"\r") for line in quality_data.split_lines(content)]
    right: Counter[str] = Counter()
    judged = 0
    for record in records:
        match = re.fullmatch(rule, record.decode("utf-8", "replace"))
        if match is None:
            continue
        judged += 1
        found = read(record, _NOW, UTC)
        time, level, message = expected(match, layout)
        if found is not None:
            right["time"] += found.time is not None and int(found.time) == int(time)
            right["level"] += found.level == level
            right["message"] += found.message.decode("utf-8", "replace").strip() == message.strip()
    return {
        "format": recognise(records[:100], _NOW),
        "records": judged,
        "odd": len(records) - judged,
        **{field: round(right[field] / judged, 4) for field in ("time", "level", "message")},
    }


def main() -> None:
    """Print a row for each system."""
    parser(__doc__).parse_args()
    result = {}
    say(f"{'system':12} {'format':14} {'records':>7} {'odd':>5} {'time':>7} {'level':>7} message")
    for name, content in quality_data.systems().items():
        row = result[name] = measure(name, content)
        say(
            f"{name:12} {row['format']:14} {row['records']:7,} {row['odd']:5,} "
            f"{row['time']:7.1%} {row['level']:7.1%} {row['message']:7.1%}"
        )
    finish(result)


if __name__ == "__main__":
    main()
