"""Make ``docs/notebooks/first_steps.ipynb`` of ``docs/guides/tutorial.rst``, and the pictures of that page.

    python docs/make_notebook.py            # the notebook
    python docs/make_notebook.py --run      # run it too: its pictures to docs/images, what it prints to the screen

The page has what a reader needs, the notebook its prose and code; its outputs are the reader's own.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE, NOTEBOOK = DOCS / "guides" / "tutorial.rst", DOCS / "notebooks" / "first_steps.ipynb"
INLINE = "%matplotlib inline\n"
NAMES = {
    "gallery": "the gallery",
    "your_clips": "your own clips",
    "../models/index": "which model",
    "training": "training",
}


def cells(page: str) -> Iterator[tuple[str, str]]:
    """Kind and source of the notebook's cells; what runs gives (printed text, pictures) is left out."""
    prose: list[str] = []
    plots = False
    for block in re.split(r"\n\n+(?=\S)", page.strip()):
        title = re.fullmatch(r"(.+)\n([=-])\2+", block)
        if title is not None:
            prose.append(f"{'#' if title[2] == '=' else '##'} {title[1]}")
        elif block.startswith(".. code-block:: python"):
            if prose:
                yield "markdown", "\n\n".join(prose)
            prose.clear()
            code = re.sub(r"^   ", "", block.partition("\n\n")[2], flags=re.MULTILINE)
            yield "code", code if plots or "graphvtr.plot" not in code else INLINE + code
            plots = plots or "graphvtr.plot" in code
        elif not block.startswith(".. "):
            prose.append(_markdown(block))
    if prose:
        yield "markdown", "\n\n".join(prose)


def _markdown(text: str) -> str:
    text = re.sub(r"``(.+?)``", r"`\1`", " ".join(text.split()))
    text = re.sub(r" The same as a notebook: :download:`.+?`\.", "", text)
    return re.sub(r":doc:`(.+?)`", lambda found: f"[{NAMES[found[1]]}]({_from_notebooks(found[1])}.rst)", text)


def _from_notebooks(page: str) -> str:
    return page if page.startswith("../") else f"../guides/{page}"


def notebook(page: str) -> str:
    """The notebook's file."""
    found: list[dict[str, Any]] = []
    for number, (kind, source) in enumerate(cells(page)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": source.splitlines(keepends=True)}
        found.append({**cell, "execution_count": None, "outputs": []} if kind == "code" else cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    content = {"cells": found, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def run(page: str) -> None:
    """Run the notebook; the page's pictures are its pictures, in order."""
    import nbclient
    import nbformat

    ran = nbclient.NotebookClient(nbformat.reads(notebook(page), as_version=4), timeout=600).execute()
    names = iter(re.findall(r"\.\. image:: (\S+)", page))
    for cell in ran.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                (PAGE.parent / next(names)).write_bytes(base64.b64decode(output["data"]["image/png"]))
            elif output.output_type == "stream":
                print(output.text)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="store_true")
    NOTEBOOK.write_text(notebook(PAGE.read_text()))
    if parser.parse_args().run:
        run(PAGE.read_text())
