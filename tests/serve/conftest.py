"""An index of rendered clips, served."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.nn import HGR
from graphvtr.search import Index, build_index
from graphvtr.text import Vocabulary
from graphvtr.video import PixelDescriptor, extract

for package in ("av", "spacy", "faiss", "fastapi", "uvicorn", "prometheus_client", "httpx"):
    pytest.importorskip(package)

EVIL = '<img src=x onerror="window.evil=1"><script>window.evil=1</script>'
CAPTIONS = {
    "scene-0": ["a red circle chases a blue square", "the blue square is chased"],
    "scene-1": ["a green star jumps over a box"],
    "scene-2": [EVIL],
}
QUERY = "a red circle chases a blue square"


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six short clips of a moving square, one of them with a name full of markup."""
    from tests.clips import write_clip

    folder = tmp_path_factory.mktemp("clips")
    for number in range(6):
        name = f"scene-{number}" if number != 5 else "<b onclick=evil()>5"

        def square(step: int, width: int, height: int, number: int = number) -> np.ndarray:
            picture = np.full((height, width, 3), 40 * number, np.uint8)
            picture[8 + number : 24 + number, 4 * step : 4 * step + 16] = (250, 60, 40 * number)
            return picture

        write_clip(folder / f"{name}.mp4", 12, height=64, rate=4, picture=square)
    return folder


@pytest.fixture(scope="session")
def made(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The index of the clips, and what it was made of."""
    from graphvtr.video.regions import GridRegions

    folder = tmp_path_factory.mktemp("served")
    torch.manual_seed(0)
    extract(clips, folder / "store", PixelDescriptor(), detector=GridRegions(2), num_frames=6, progress=False)
    words = Vocabulary.from_captions([QUERY.split(), "a green star jumps over a box".split()])
    from graphvtr.video import FeatureStore

    store = FeatureStore.open(folder / "store")
    model = HGR(len(words), store.widths["frame_x"], hidden=16, word_dim=8)
    model.vocabulary = words
    metadata: dict[str, dict[str, Any]] = {
        name: {"captions": CAPTIONS.get(name, []), "tags": ["first" if name in CAPTIONS else "second"]}
        for name in store.names
    }
    build_index(model, store, folder / "index", metadata=metadata, media=clips)
    return SimpleNamespace(folder=folder, index=folder / "index", clips=clips, model=model, store=store)


@pytest.fixture(scope="session")
def served(made: SimpleNamespace) -> Iterator[str]:
    """The address of a server of the index, noted in its folder."""
    from graphvtr.serve import Limits, create_app
    from graphvtr.serve.client import noted
    from graphvtr.serve.listening import make_server
    from graphvtr.serve.run import warm_up

    index = Index.open(made.index)
    warm_up(index)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    app = create_app(index, Limits(rate=0))
    server = make_server(app, port=port)
    with noted(made.index, port) as app.state.key:
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join(60)


@pytest.fixture
def index(made: SimpleNamespace, tmp_path: Path) -> Index:
    """A copy of the index that may be broken."""
    shutil.copytree(made.index, tmp_path / "index")
    return Index.open(tmp_path / "index")
