"""Indexes of models without training, by a tiny random CLIP."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from graphvtr.cli.main import main
from graphvtr.errors import DataError
from graphvtr.nn import ZeroShot
from graphvtr.search import Index
from graphvtr.search.index.manifest import MODEL, ZERO_SHOT
from graphvtr.video import FeatureStore
from tests.nn.conftest import write_bert

assert write_bert  # a fixture

transformers = pytest.importorskip("transformers")
for package in ("faiss", "spacy"):
    pytest.importorskip(package)
QUERY = "a dog chases a white cat"


@pytest.fixture(scope="module")
def files(write_bert: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The directory of a model, a store of nine clips in its space, and their index."""
    folder = tmp_path_factory.mktemp("zero")
    tokenizer = transformers.AutoTokenizer.from_pretrained(write_bert(hidden=8, layers=2, positions=32))
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {
        **sizes,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": 16,
        "eos_token_id": tokenizer.sep_token_id,
    }
    vision = {**sizes, "image_size": 8, "patch_size": 4}
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=6)
    transformers.CLIPModel(config).save_pretrained(folder / "clip")
    tokenizer.save_pretrained(folder / "clip")
    store = FeatureStore.create(folder / "store", {"frame_x": 6})
    for number in range(9):
        store.add(f"clip {number}", {"frame_x": torch.randn(4, 6), "frame_time": torch.arange(4) + 0.5})
    command = ["index", "--zero-shot", str(folder / "clip"), str(folder / "store"), "--out", str(folder / "index")]
    assert main(command) == 0
    return SimpleNamespace(folder=folder, clip=folder / "clip", store=folder / "store", index=folder / "index")


def test_the_scores_are_the_models(files: SimpleNamespace) -> None:
    index = Index.open(files.index)
    assert (index.manifest.model, len(index)) == ("zero_shot", 9)
    found = index.search(QUERY, top=9)
    model = ZeroShot(files.clip)
    graph = index.encoder.seen([found.graph])[0]
    clips = [FeatureStore.open(files.store).video_graph(result.name) for result in found]
    with torch.inference_mode():
        text = model.encode_text(graph)
        wanted = [float(model.similarity(model.encode_video(clip), text)) for clip in clips]
    assert [result.score for result in found] == pytest.approx(wanted, abs=1e-5)
    assert sorted(wanted, reverse=True) == wanted
    assert {match.phrase for match in found[0].phrases} == {"chases", "a dog", "a white cat"}
    assert found.unknown == []


def test_the_command_searches_with_and_without_an_index(
    files: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    told = []
    for own in ([str(files.index)], ["--zero-shot", str(files.clip), "--store", str(files.store)]):
        assert main(["search", *own, QUERY, "agent=dog action=chase", "--top", "3", "--json"]) == 0
        told.append([json.loads(line)["results"] for line in capsys.readouterr().out.splitlines()])
    assert told[0] == told[1]
    assert [len(results) for results in told[0]] == [3, 3]
    for wrong in ([QUERY, "--zero-shot", str(files.clip)], [QUERY, "--store", str(files.store)], []):
        assert main(["search", *wrong]) == 2
    assert main(["index", "--zero-shot", str(files.clip), "a", "b", "--out", "c"]) == 2
    assert "needs --zero-shot DIR STORE --out INDEX" in capsys.readouterr().err


def test_another_model_in_the_directory_is_refused(files: SimpleNamespace, tmp_path: Path) -> None:
    shutil.copytree(files.index, tmp_path / "index")
    file = tmp_path / "index" / MODEL / ZERO_SHOT
    told = json.loads(file.read_text())
    for change, problem in (({"fingerprint": "0"}, "another model"), ({"directory": str(tmp_path / "no")}, "is gone")):
        file.write_text(json.dumps({**told, **change}))
        with pytest.raises(DataError, match=problem):
            Index.open(tmp_path / "index").search(QUERY)


def test_features_of_another_width_are_refused(files: SimpleNamespace, tmp_path: Path) -> None:
    store = FeatureStore.create(tmp_path / "store", {"frame_x": 5})
    store.add("clip", {"frame_x": torch.randn(4, 5), "frame_time": torch.arange(4) + 0.5})
    assert main(["search", "--zero-shot", str(files.clip), "--store", str(tmp_path / "store"), QUERY]) == 2
