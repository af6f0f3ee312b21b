"""The notebooks run from top to bottom, at smaller sizes, and are committed without outputs."""

from __future__ import annotations

import importlib.util
import os
import re
from pathlib import Path

import pytest

SMALLER = {'"num_clips": 400': '"num_clips": 30', "epochs=4": "epochs=1"}
ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def test_the_notebook_is_the_tutorial() -> None:
    spec = importlib.util.spec_from_file_location("make_notebook", ROOT / "docs" / "make_notebook.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    page = maker.PAGE.read_text()
    assert maker.NOTEBOOK.read_text() == maker.notebook(page), "python docs/make_notebook.py"
    cells = list(maker.cells(page))
    assert [kind for kind, _ in cells].count("code") == page.count(".. code-block:: python") >= 8
    assert not any("::" in source or ":doc:" in source for kind, source in cells if kind == "markdown")
    assert all((maker.PAGE.parent / name).is_file() for name in re.findall(r"image:: (\S+)", page))


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    for package in ("ipykernel", "spacy", "pytorch_lightning", "matplotlib"):
        pytest.importorskip(package)
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(path, as_version=4)
    for large, small in SMALLER.items():
        assert any(large in cell.source for cell in notebook.cells), f"{path.name} no longer says {large}"
        for cell in notebook.cells:
            cell.source = cell.source.replace(large, small)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code), "commit notebooks without outputs"
    ran = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    pictures = [out for cell in ran.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})]
    assert len(pictures) == 4  # as many as the page shows
