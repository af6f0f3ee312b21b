"""Hard negatives: which are drawn, that a batch carries them, and that training uses them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphvtr.datasets import DataSource, RetrievalDataset, build_dataset
from graphvtr.errors import DataError
from graphvtr.nn import HGR
from graphvtr.tasks.batches import PairData
from graphvtr.tasks.negatives import HardNegatives
from graphvtr.tasks.prepare import prepare
from graphvtr.tasks.trainer import TrainOptions, fit
from graphvtr.text import Vocabulary
from graphvtr.text.pairs import BinaryPair, write_pairs

pytest.importorskip("spacy")
OPTIONS = {"epochs": 6, "batch_size": 32, "lr": 1e-2, "device": "cpu", "captions_per_video": "one"}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RetrievalDataset]:
    source = DataSource(
        cache=tmp_path_factory.mktemp("scenes"), options={"num_clips": 40, "progress": False, "workers": 0}
    )
    return {split: build_dataset("moving_scenes", split, source) for split in ("train", "val")}


def pairs(dataset: RetrievalDataset) -> list[BinaryPair]:
    first = [dataset.captions[dataset.video_of_caption.tolist().index(video)] for video in range(4)]
    made = [BinaryPair(dataset.videos[v], first[v], f"a square chases {v} dogs", "switch roles") for v in (2, 0, 2, 3)]
    return [*made, BinaryPair("elsewhere", "a dog", "a cat", "switch roles")]


def model_of(dataset: RetrievalDataset, vocabulary: Vocabulary) -> HGR:
    torch.manual_seed(0)
    return HGR(len(vocabulary), dataset.video_dim, hidden=8, word_dim=4)


def test_of_each_video_that_has_some_one_is_drawn(scenes: dict[str, RetrievalDataset], tmp_path: Path) -> None:
    dataset = scenes["train"]
    vocabulary = Vocabulary.from_captions(dataset.words())
    model = model_of(dataset, vocabulary)
    hard = HardNegatives(pairs(dataset), dataset, model, vocabulary, DataSource(cache=tmp_path))
    assert len(hard) == 4
    drawn, place = hard.draw(torch.tensor([1, 2, 3]), seed=0)
    assert place.tolist() == [1, 2]
    assert drawn.num_graphs == 4
    seen = {int(hard.draw(torch.tensor([2]), seed)[0]["word"].id[-2]) for seed in range(20)}
    assert len(seen) == 1  # both pairs of the video are worded alike but for the number
    batch = PairData(prepare(dataset, model, vocabulary), negatives=hard)[torch.tensor([0, 5, 10, 15])]
    assert batch.hard is not None
    assert batch.video_of_hard is not None
    assert batch.hard.num_graphs == 2 * len(batch.video_of_hard)
    again = PairData(prepare(dataset, model, vocabulary), negatives=hard)[torch.tensor([0, 5, 10, 15])]
    assert torch.equal(batch.hard["word"].id, again.hard["word"].id)
    assert batch.to("cpu").video_of_hard is not None
    with pytest.raises(DataError, match="none of 1 pairs"):
        HardNegatives(pairs(dataset)[-1:], dataset, model, vocabulary)


def test_training_lifts_true_captions_over_wrong_ones(
    scenes: dict[str, RetrievalDataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    dataset = scenes["train"]
    vocabulary = Vocabulary.from_captions(dataset.words())
    write_pairs(tmp_path / "pairs.jsonl", pairs(dataset))
    margins = []
    for weight in (0.0, 10.0):
        model = model_of(dataset, vocabulary)
        options = TrainOptions(**OPTIONS, negatives=str(tmp_path / "pairs.jsonl"), negative_weight=weight)
        fit(model, vocabulary, dataset, scenes["val"], tmp_path / f"run{weight}", options, progress=False)
        hard = HardNegatives(pairs(dataset), dataset, model, vocabulary, DataSource(cache=tmp_path))
        text, place = hard.draw(torch.tensor([0, 2, 3]), seed=0)
        with torch.inference_mode():
            video = model.eval().encode_video(prepare(dataset, model, vocabulary).video_graphs.batch([0, 2, 3]))
            margins.append(float(model.pair_loss(video, model.encode_text(text), place)))
    assert margins[1] < margins[0]
