"""Reference pages as HTML, for browsers."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any

__all__ = ["as_html"]

FRAME = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>{title}</title>
  <style>
    body {{ max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2430;
           font: 16px/1.55 system-ui, sans-serif; }}
    h1 {{ line-height: 1.2; }} h2 {{ margin-top: 2.2rem; border-bottom: 1px solid #d8dee6; }}
    blockquote {{ margin: 0; padding: 0 1rem; border-left: 4px solid #7b8fa8; color: #45525f; }}
    pre {{ padding: .8rem 1rem; overflow-x: auto; background: #f4f6f9; border-radius: 6px; }}
    code {{ font: .88em/1.5 ui-monospace, monospace; }}
    table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
    th, td {{ padding: .35rem .7rem; border: 1px solid #d8dee6; text-align: left;
              vertical-align: top; }}
  </style>
</head>
<body>
{body}</body>
</html>
"""
PAGE_LINK = re.compile(r'(<a href="[^":]+)\.md(#[^"]*)?"')
HEADING = re.compile(r"<(h[1-6])>(.*?)</\1>")


def as_html(title: str, markdown: str) -> str:
    """Return a page that needs nothing else; links to other pages lead to their HTML."""
    body = PAGE_LINK.sub(r'\1\2"', _renderer().render(markdown))
    body = HEADING.sub(_anchored, body)
    return FRAME.format(title=html.escape(title), body=body)


def _anchored(heading: re.Match[str]) -> str:
    """Give a heading the id that links to it use: its words, joined by hyphens."""
    kind, words = heading.groups()
    plain = re.sub(r"<[^>]*>", "", html.unescape(words)).lower()
    anchor = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
    return f'<{kind} id="{html.escape(anchor)}">{words}</{kind}>'


@cache
def _renderer() -> Any:
    # Imported by the first page that is read: a server that shows none does without it.
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")
