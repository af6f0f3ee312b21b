"""Sphinx configuration."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

from graphvtr import __version__

project = "graphvtr"
author = "The graphvtr developers"
copyright = "2026, The graphvtr developers"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"graphvtr {__version__}"
html_static_path = ["_static"]
html_css_files = ["pictures.css"]
html_math_renderer = "mathml"  # browsers draw it themselves: nothing is loaded from elsewhere
LETTERS = 104  # of a line of a table of text at the width of a page, see _static/pictures.css
log = logging.getLogger(__name__)
WIDE = 900  # pixels, of a picture whose letters cannot be read at the width of a phone
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
nitpicky = False


BACK = re.compile(r'<a class="viewcode-back" href="[^"#]*#([^"]+)">\[docs\]</a>')


def point_docs_links_home(app: Any, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Lead the ``[docs]`` links of source pages to the page that indexes an object; without one there is no link.

    viewcode takes the last page that shows the object, but some pages show objects without index, and so without an
    anchor.
    """
    if not pagename.startswith("_modules/"):
        return
    objects = app.env.get_domain("py").objects
    module = pagename.removeprefix("_modules/").replace("/", ".")

    def link(found: re.Match[str]) -> str:
        said = found.group(1)
        parts = said.split(".")
        for name in (said, *(f"{module}.{'.'.join(parts[cut:])}" for cut in range(1, len(parts)))):
            if name in objects:
                page = app.builder.get_relative_uri(pagename, objects[name].docname)
                return f'<a class="viewcode-back" href="{page}#{name}">[docs]</a>'
        return ""

    context["body"] = BACK.sub(link, context.get("body", ""))


def let_wide_pictures_scroll(app: Any, doctree: nodes.document) -> None:
    """Put wide PNG files in a box of their own, which ``_static/pictures.css`` lets a phone move sideways."""
    for image in list(doctree.findall(nodes.image)):
        head = Path(app.srcdir, image["uri"]).read_bytes()[:24]
        if head.startswith(b"\x89PNG") and struct.unpack(">I", head[16:20])[0] > WIDE:
            box = nodes.container(classes=["wide-picture"])
            image.replace_self(box)
            box += image


def leave_out_builtins(app: Any) -> list[tuple[str, dict[str, Any], str]]:
    """Of the index of source pages: there is none of what is written in C."""
    app.env._viewcode_modules.pop("builtins", None)
    return []


LINK = re.compile(r'<(?:a|img|link|script|source|video)\b[^>]*?\b(?:href|src)="([^"]+)"')
ANCHOR = re.compile(r'<[a-z][^>]*?\b(?:id|name)="([^"]+)"')


def check_links(app: Any, exception: Exception | None) -> None:
    """Warn of links within the documentation that lead nowhere: pages, pictures, places in a page."""
    if exception is not None or app.builder.name != "html":
        return
    root = Path(app.outdir)
    pages = {path: path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.html"))}
    places = {path: set(ANCHOR.findall(text)) for path, text in pages.items()}
    for path, text in pages.items():
        for link in sorted(set(LINK.findall(text))):
            file, _, place = unquote(link).partition("#")
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            if re.match(r"[a-z]+:", link) or (target.exists() and (not place or place in places.get(target, {place}))):
                continue
            log.warning("%s: dead link %s", path.relative_to(root), link)


def look_for_wide_tables(app: Any, doctree: nodes.document) -> None:
    """Warn of tables of text that do not fit the page: who reads them would move them sideways."""
    for block in doctree.findall(nodes.literal_block):
        widest = max(map(len, block.astext().splitlines()), default=0)
        if block.get("language") == "text" and widest > LETTERS:
            log.warning("a line of %d letters does not fit: at most %d", widest, LETTERS, location=block)


def write_formula(writer: Any, node: nodes.math | nodes.math_block) -> None:
    """A formula as MathML; one that cannot be read is a warning, and stands as it is written."""
    block = isinstance(node, nodes.math_block)
    try:
        formula = tex2mathml(" ".join(node.astext().split()), as_block=block)
    except MathError as error:
        log.warning("formula '%s': %s", node.astext(), error, location=node)
        formula = writer.encode(node.astext())
    writer.body.append(f'<div class="math">{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("doctree-read", look_for_wide_tables)
    app.connect("build-finished", check_links)
    app.connect("html-collect-pages", leave_out_builtins, priority=400)  # before viewcode does
    app.connect("doctree-read", let_wide_pictures_scroll, priority=900)  # paths of pictures are found at 500
    app.connect("html-page-context", point_docs_links_home)
