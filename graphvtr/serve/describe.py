"""What a server tells about itself: its index, and its API."""

from __future__ import annotations

import html
from typing import Any

from graphvtr._version import __version__


def describe(index: Any) -> dict[str, Any]:
    """What the page shows of an index, and can filter by."""
    model = index.model
    concepts: dict[str, list[str]] = {}
    if hasattr(model, "concepts"):
        concepts = {level: list(model.concepts.concepts[level][:200]) for level in model.concept_levels}
    tags: dict[str, int] = {}
    captions = False
    examples: list[str] = []
    for part in getattr(index, "parts", [index]):
        captions = captions or any(segment.text is not None for segment in part.segments)
        for segment in part.segments:
            for place in range(min(len(segment), 5000)):
                item = segment.item(place)
                if len(examples) < 3:
                    examples += item.captions[:1]
                for tag in item.tags:
                    tags[tag] = tags.get(tag, 0) + 1
    common = sorted(tags, key=lambda tag: (-tags[tag], tag))[:30]
    manifest = index.manifest
    return {
        "clips": len(index),
        "model": manifest.model,
        "levels": list(model.levels),
        "concepts": concepts,
        "tags": common,
        "captions": captions,
        "examples": examples,
        "media": bool(manifest.media),
        "updated": manifest.updated,
        "graphvtr": __version__,
    }


def docs_page(schema: dict[str, Any]) -> str:
    """The API's description as a plain page: nothing is loaded from elsewhere."""
    rows = []
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            names = "".join(
                f"<li><code>{html.escape(one['name'])}</code> {html.escape(one.get('description') or '')}</li>"
                for one in told.get("parameters", [])
            )
            summary = html.escape(told.get("summary", ""))
            rows.append(
                f"<section><h2><code>{method.upper()} {html.escape(path)}</code></h2>"
                f"<p>{summary}</p><ul>{names}</ul></section>"
            )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        '<title>graphvtr: API</title><link rel="stylesheet" href="/static/page.css"></head><body><main class="docs">'
        '<h1>API</h1><p>As <a href="/openapi.json">OpenAPI</a>. Errors are JSON: <code>item</code>, '
        f"<code>problem</code>, <code>fix</code>.</p>{''.join(rows)}</main></body></html>"
    )
