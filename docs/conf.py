"""Sphinx configuration."""

from __future__ import annotations

import re
from typing import Any

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


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("html-page-context", point_docs_links_home)
