"""Sphinx configuration."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

from docutils import nodes

from graphvtr import __version__

project = "graphvtr"
author = "The graphvtr developers"
copyright = "2026, The graphvtr developers"
version = release = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"graphvtr {__version__}"
html_static_path = ["_static"]
html_css_files = ["pictures.css"]
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


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("doctree-read", let_wide_pictures_scroll, priority=900)  # paths of pictures are found at 500
    app.connect("html-page-context", point_docs_links_home)
