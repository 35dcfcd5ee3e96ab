"""Pages that need nothing beside them: tables, figures and escaped text, no scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from tinylogbert_daemon.escape import printable

_STYLE = """
:root { color-scheme: light dark; --text: #1c1c1c; --back: #fff; --soft: #f3f4f6;
  --line: #d0d4d9; --dim: #57606a; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --back: #16181b; --soft: #22262b; --line: #3a4047; --dim: #9aa4af; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back);
  max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
p.dim, figcaption, caption { color: var(--dim); } caption { text-align: left; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .6rem 0; }
th, td { padding: .3rem .8rem; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
thead th { background: var(--soft); }
td.words { text-align: left; white-space: normal; overflow-wrap: anywhere; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; background: #fff;
  border-radius: 6px; }
"""


def document(title: str, heading: str, parts: Iterable[str]) -> str:
    """Return a page of ``parts``, which are HTML; empty ones are left out."""
    body = [f"<h1>{text(heading)}</h1>", *(part for part in parts if part)]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">"
        f"<title>{text(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[str]], words: int | None = None
) -> str:
    """Return a table of escaped cells; column ``words`` is text and stands on the left."""
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=words' if i == words else ''}>{text(cell)}</td>"
            for i, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    titles = "".join(
        f"<th scope=col{' style=text-align:left' if i == words else ''}>{text(cell)}</th>"
        for i, cell in enumerate(head)
    )
    told = f"<caption>{text(caption)}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{told}<thead><tr>{titles}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def figure(title: str, image: Path) -> str:
    """Return a PNG file as a part of the page. Raises ``OSError`` if it cannot be read."""
    data = base64.b64encode(image.read_bytes()).decode()
    return (
        f'<figure><img alt="{text(title)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{text(title)}</figcaption></figure>"
    )


def paragraph(content: str, *, dim: bool = False) -> str:
    """Return an escaped paragraph."""
    return f"<p{' class=dim' if dim else ''}>{text(content)}</p>"


def text(content: str) -> str:
    """Return text that neither the page nor its reader's terminal acts on."""
    return escape(printable(content))
