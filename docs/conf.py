"""Sphinx configuration."""

from __future__ import annotations

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


def point_docs_links_home(app: object, env: object) -> None:
    """Lead the ``[docs]`` links of source pages to the page that indexes an object.

    Some objects also stand on a page that explains them, without index and so without an anchor; viewcode takes the
    last page. Names that no page indexes get no link.
    """
    objects = env.get_domain("py").objects  # type: ignore[attr-defined]
    modules = getattr(env, "_viewcode_modules", {})
    modules.pop("builtins", None)  # has no page
    for _, _, used, module in filter(None, modules.values()):
        for name in list(used):
            if home := objects.get(f"{module}.{name}"):
                used[name] = home.docname
            else:
                del used[name]


def setup(app: object) -> None:
    """Called by Sphinx."""
    app.connect("env-updated", point_docs_links_home)  # type: ignore[attr-defined]
