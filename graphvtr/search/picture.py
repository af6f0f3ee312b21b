"""Results of a search as a picture in a notebook: the role graph, then the clips with their moments and scores."""

from __future__ import annotations

import base64
import itertools
from typing import TYPE_CHECKING

from graphvtr._optional import is_installed
from graphvtr.errors import DataError
from graphvtr.plot.html import escaped, role_graph_svg
from graphvtr.search.items import media_file

if TYPE_CHECKING:
    from graphvtr.search.results import SearchResult, SearchResults

numbers = itertools.count()
STYLE = """
.SCOPE{font:13px system-ui,sans-serif}
.SCOPE svg .edge path{stroke:#777;fill:none}.SCOPE svg text{text-anchor:middle;fill:#222}
.SCOPE svg .node rect{stroke:#555}
.SCOPE svg .ground{fill:#fff}.SCOPE svg{max-width:100%;height:auto;background:#fff}
.SCOPE .clips{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:10px;margin-top:8px}
.SCOPE figure{margin:0;border:1px solid #8886;border-radius:6px;padding:6px;overflow:hidden}
.SCOPE img{width:100%;display:block;border-radius:4px}.SCOPE figcaption{overflow-wrap:anywhere}
.SCOPE .bar{height:5px;background:#56b4e9;border-radius:2px;min-width:1px}.SCOPE small{opacity:.8}
.SCOPE .at{display:inline-block;border:1px solid #8886;border-radius:9px;padding:0 6px;
 margin:2px 3px 0 0;font-size:11px}
"""


def results_html(results: SearchResults) -> str:
    """A fragment of HTML that loads nothing; every text in it is escaped.

    Args:
        results: thumbnails are of their moments, where the video files are at hand.
    """
    scope = f"g{next(numbers)}"
    style = STYLE.replace("SCOPE", scope)
    graph = "" if results.graph is None else role_graph_svg(results.graph, words=False)
    scales = _scales(results)
    clips = "".join(_clip(result, rank, results.media, scales) for rank, result in enumerate(results, start=1))
    said = escaped(results.query)
    note = "".join(
        f"<p>{escaped(text)}</p>"
        for text, told in (
            (f"words the model has never seen: {', '.join(results.unknown)}", results.unknown),
            (f"shards that did not answer: {', '.join(results.missing)}", results.missing),
            ("nothing found", not len(results)),
        )
        if told
    )
    head = f'<div class="{scope}"><style>{style}</style><b>{said}</b>{note}<div>{graph}</div>'
    return f'{head}<div class="clips">{clips}</div></div>'


def _scales(results: SearchResults) -> dict[str, tuple[float, float]]:
    """Where the bars of a level begin and end: at the lowest score shown, or 0, and the highest."""
    scales: dict[str, tuple[float, float]] = {}
    for result in results:
        for level, score in result.levels.items():
            low, high = scales.get(level, (0.0, 1e-9))
            scales[level] = min(low, score), max(high, score)
    return scales


def _clip(result: SearchResult, rank: int, media: str, scales: dict[str, tuple[float, float]]) -> str:
    moment = "" if result.moment is None else f" at {result.moment:.1f} s"
    levels = "".join(
        f"<small>{escaped(level)} {score:.2f}</small>"
        f'<div class="bar" style="width:{100 * _share(score, scales[level]):.0f}%"></div>'
        for level, score in result.levels.items()
    )
    phrases = "".join(
        f'<span class="at">{escaped(match.phrase)} · {match.time:.1f} s</span>' for match in result.phrases
    )
    caption = escaped(result.caption or (result.item.captions[0] if result.item.captions else ""))
    return (
        f"<figure>{_picture(result, media)}<figcaption><b>{rank}. {escaped(result.name)}</b> {result.score:.3f}"
        f"{moment}<br><i>{caption}</i><div>{phrases}</div>{levels}</figcaption></figure>"
    )


def _share(score: float, scale: tuple[float, float]) -> float:
    return (score - scale[0]) / (scale[1] - scale[0])


def _picture(result: SearchResult, media: str) -> str:
    file = media_file(media, result.item.path)
    if file is None or not is_installed("av"):
        return ""
    from graphvtr.video.thumbnail import thumbnail

    try:
        data = base64.b64encode(thumbnail(file, result.moment or 0.0)).decode()
    except DataError:  # what cannot be decoded is not shown
        return ""
    return f'<img alt="{escaped(result.name)}" src="data:image/jpeg;base64,{data}">'
