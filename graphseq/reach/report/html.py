"""A report as one HTML file without scripts, in which the figures are embedded."""

from __future__ import annotations

import base64
from html import escape
from io import BytesIO

from matplotlib.figure import Figure

from graphseq.reach.report.figures import DRAWINGS, PANELS
from graphseq.reach.report.page import Page
from graphseq.reach.report.words import Words, visible

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } .finding { font-size: 1.15rem; }
table { border-collapse: collapse; } td { padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid #ddd; }
td + td { font-variant-numeric: tabular-nums; } figure { margin: 0; } .figures { display: grid; gap: 1.5rem;
grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); } .wide { grid-column: 1 / -1; } img { width: 100%; }
.notes { color: #555; font-size: .9rem; }
"""


def html(words: Words, page: Page) -> str:
    """Return the page; every text in it is escaped."""
    rows = "".join(f"<tr><td>{_text(name)}</td><td>{_text(value)}</td></tr>" for name, value in words.table)
    parts = [
        f"<h1>{_text(words.title)}</h1>",
        f"<p class='finding'><strong>{_text(words.finding)}</strong> (confidence {words.confidence:.0%})</p>",
        f"<p>{_text(' '.join(words.sentences))}</p>",
        _list("What to change", words.advice),
        _list("Also", words.also),
        f"<h2>Evidence</h2><table>{rows}</table>",
        f"<h2>Figures</h2><div class='figures'>{''.join(_figures(page))}</div>",
        _list("Notes", words.notes, kind="notes"),
    ]
    head = f"<meta charset='utf-8'><title>{_text(words.title)}</title><style>{_STYLE}</style>"
    body = "\n".join(part for part in parts if part)
    return f"<!doctype html>\n<html lang='en'><head>{head}</head>\n<body>\n{body}\n</body></html>\n"


def _figures(page: Page) -> list[str]:
    found = []
    for draw, name in zip(DRAWINGS, PANELS, strict=True):
        is_wide = draw is DRAWINGS[-1]
        figure = Figure(figsize=(10.0, 4.6) if is_wide else (5.6, 4.2), layout="constrained")
        draw(figure.subplots(), page)
        buffer = BytesIO()
        figure.savefig(buffer, format="png", dpi=140, metadata={"Software": None})
        data = base64.b64encode(buffer.getvalue()).decode("ascii")
        kind = " class='wide'" if is_wide else ""
        found.append(f"<figure{kind}><img alt='{_text(name)}' src='data:image/png;base64,{data}'></figure>")
    return found


def _list(title: str, items: tuple[str, ...], *, kind: str = "") -> str:
    if not items:
        return ""
    lines = "".join(f"<li>{_text(item)}</li>" for item in items)
    return f"<h2>{title}</h2><ul class='{kind}'>{lines}</ul>"


def _text(text: str) -> str:
    return escape(visible(text))
