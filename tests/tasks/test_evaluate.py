from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphvtr.datasets import DATASETS, DataSource
from graphvtr.errors import DataError
from graphvtr.metrics import RetrievalRanks, both_directions, first_of_each, resample
from graphvtr.nn import HGR
from graphvtr.tasks import CheckpointInfo, EvalOptions, evaluate, prepare, save_checkpoint
from graphvtr.tasks.embed import encode_texts, encode_videos
from graphvtr.tasks.evaluate import _scored, evaluate_checkpoint
from graphvtr.tasks.ranking import flat_metrics, rank_all
from graphvtr.tasks.report import format_table, to_json
from graphvtr.text import Vocabulary


@pytest.fixture
def problem(toy_model, toy_dataset, toy_vocabulary):
    """A model, a prepared dataset, and the whole scores of each level."""
    model = toy_model().eval()
    dataset = prepare(toy_dataset("test", videos=14, captions=2), model, toy_vocabulary)
    with torch.inference_mode():
        video = model.encode_video(dataset.video_graphs.batch(range(14)))
        text = model.encode_text(dataset.role_graphs.batch(range(28)))
        levels = model.level_scores(video, text)
    return model, dataset, levels


def close(found, expected) -> bool:
    return all(found[key] == pytest.approx(expected[key]) for key in ("t2v", "v2t", "rsum"))


@pytest.mark.parametrize(("batch_size", "block"), [(1, (1, 1)), (5, (3, 5)), (100, (4, 100)), (100, (100, 100))])
def test_blocks_are_the_whole(problem, batch_size, block) -> None:
    model, dataset, levels = problem
    options = EvalOptions(batch_size=batch_size, block=block, levels=True, samples=10)
    found = evaluate(model, dataset, options)
    owner = dataset.video_of_caption
    assert close(found.fused.metrics, both_directions(levels.mean(0), owner))
    assert list(found.levels) == list(model.levels)
    for level, scores in zip(model.levels, levels, strict=True):
        assert close(found.levels[level].metrics, both_directions(scores, owner))


@pytest.mark.parametrize(("kept", "scored"), [(1 << 20, 8), (800, 8 + 3), (0, 8 + 4)])
def test_no_block_is_scored_twice_that_can_wait(problem, monkeypatch, kept: int, scored: int) -> None:
    """Of 2 x 4 blocks 4 hold a positive pair, 7 x 7 scores of four kinds each: 784 bytes."""
    model, dataset, levels = problem
    calls, of_model = [], model.level_scores
    monkeypatch.setitem(rank_all.__globals__, "KEPT_BYTES", kept)
    monkeypatch.setattr(model, "level_scores", lambda *sides: calls.append(1) or of_model(*sides))
    found = evaluate(model, dataset, EvalOptions(block=(7, 7), samples=10))
    assert len(calls) == scored
    assert close(found.fused.metrics, both_directions(levels.mean(0), dataset.video_of_caption))


@pytest.mark.parametrize(
    "conventions",
    [
        {"ties": "average", "median": "floor"},
        {"ties": "optimistic"},
        {"mean_rank": "all"},
        {"ks": (1, 2, 3)},
    ],
)
def test_conventions_reach_the_metrics(problem, conventions) -> None:
    model, dataset, levels = problem
    found = evaluate(model, dataset, EvalOptions(samples=10, **conventions))
    assert close(found.fused.metrics, both_directions(levels.mean(0), dataset.video_of_caption, **conventions))


def test_equal_captions_as_one(problem, tmp_path: Path) -> None:
    model, dataset, levels = problem
    dataset.captions[27] = dataset.captions[0]  # of videos 13 and 0
    expected = both_directions(levels.mean(0), dataset.video_of_caption, captions=dataset.captions, duplicates="one")
    found = evaluate(model, dataset, EvalOptions(duplicates="one", samples=10), save_scores=tmp_path / "s.npz")
    assert close(found.fused.metrics, expected)
    first, _ = first_of_each(dataset.captions, dataset.video_of_caption)
    assert found.num_captions == len(first) == 27
    with np.load(tmp_path / "s.npz", allow_pickle=False) as saved:
        assert saved["captions"].tolist() == [dataset.captions[i] for i in first]


def test_intervals_hold_the_value(problem) -> None:
    model, dataset, _ = problem
    found = evaluate(model, dataset, EvalOptions(samples=200)).fused
    for direction in ("t2v", "v2t"):
        for name, (low, high) in getattr(found, direction).items():
            assert low <= found.metrics[direction][name] <= high, name
    assert found.rsum[0] < found.metrics["rsum"] < found.rsum[1]


def test_intervals_over_videos_are_wider(problem) -> None:
    """Both captions of a toy video fare alike, so resampling captions alone is too sure."""
    model, dataset, _ = problem
    narrow, wide = (
        evaluate(model, dataset, EvalOptions(samples=500, interval_unit=unit)).fused.t2v["MnR"]
        for unit in ("query", "video")
    )
    assert wide[1] - wide[0] > 1.1 * (narrow[1] - narrow[0])


def test_same_seed_same_intervals(problem) -> None:
    model, dataset, _ = problem
    first, again, other = (evaluate(model, dataset, EvalOptions(samples=20, seed=s)).fused for s in (1, 1, 2))
    assert first == again
    assert first.t2v != other.t2v
    assert first.metrics == other.metrics


def test_directions_are_drawn_apart() -> None:
    """Both directions have the same ranks here: drawn with one seed they would have one interval, and their sum
    twice the spread instead of 1.4 times."""
    count = 40
    generator = torch.Generator().manual_seed(1)
    scores = torch.randn(count, count, generator=generator)
    scores = scores + scores.T + 3 * torch.eye(count)
    ranks = RetrievalRanks(torch.arange(count), count, count)
    ranks.add_positives(scores)
    ranks.add(scores)
    t2v, v2t = ranks.ranks()
    assert torch.equal(t2v.best, v2t.best)
    options = EvalOptions(samples=400, seed=5)
    scored = _scored(ranks, options)
    settings: dict[str, Any] = {"samples": 400, "ks": options.ks, "median": options.median}
    for found, seed in ((scored.t2v, 5), (scored.v2t, 6)):
        drawn = resample(t2v, seed=seed, **settings)
        for name, values in drawn.items():
            assert found[name] == pytest.approx(tuple(np.quantile(values, [0.025, 0.975])))
    assert scored.t2v["MnR"] != scored.v2t["MnR"]
    one_way = resample(t2v, seed=5, **settings)
    recalls = sum(one_way[f"R@{k}"] for k in options.ks)
    spread = scored.rsum[1] - scored.rsum[0]
    low, high = np.quantile(2 * recalls, [0.025, 0.975])
    assert spread < 0.9 * (high - low)


def test_chance(problem) -> None:
    model, dataset, _ = problem
    chance = evaluate(model, dataset, EvalOptions(samples=10)).chance
    assert chance["t2v"]["R@1"] == pytest.approx(100 / 14)
    assert chance["v2t"]["R@1"] == pytest.approx(200 / 28)
    assert chance["rsum"] == pytest.approx(sum(chance[d][f"R@{k}"] for d in ("t2v", "v2t") for k in (1, 5, 10)))


def test_saved_scores(problem, tmp_path: Path) -> None:
    model, dataset, levels = problem
    target = tmp_path / "scores.npz"
    evaluate(model, dataset, EvalOptions(block=(4, 9), samples=10), save_scores=target)
    with np.load(target, allow_pickle=False) as saved:
        assert set(saved) == {"scores", "level_scores", "levels", "videos", "captions"}
        np.testing.assert_allclose(saved["scores"], levels.mean(0).numpy(), atol=1e-6)
        np.testing.assert_allclose(saved["level_scores"], levels.numpy(), atol=1e-6)
        assert saved["scores"].dtype == np.float32
        assert saved["levels"].tolist() == ["event", "action", "entity"]
        assert saved["videos"].tolist() == dataset.videos
        assert saved["captions"].tolist() == dataset.captions
    assert [path.name for path in tmp_path.iterdir()] == ["scores.npz"]


def test_nothing_is_left_of_a_failed_evaluation(problem, tmp_path: Path) -> None:
    model, dataset, _ = problem
    with torch.no_grad():
        model.video_encoder.maps["event"].weight.fill_(torch.nan)
    with pytest.raises(DataError, match="is NaN"):
        evaluate(model, dataset, save_scores=tmp_path / "scores.npz")
    assert list(tmp_path.iterdir()) == []


def test_bad_targets(problem, tmp_path: Path) -> None:
    model, dataset, _ = problem
    with pytest.raises(DataError, match=r"does not end in .npz"):
        evaluate(model, dataset, save_scores=tmp_path / "scores.json")
    with pytest.raises(DataError, match="no such folder"):
        evaluate(model, dataset, save_scores=tmp_path / "none" / "scores.npz")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 0}, "batch_size: is 0"),
        ({"block": (0, 5)}, "block: is 0"),
        ({"duplicates": "two"}, "duplicates: is 'two'"),
        ({"interval_unit": "word"}, "interval_unit: is 'word'"),
    ],
)
def test_bad_options(values, message) -> None:
    with pytest.raises(DataError, match=message):
        EvalOptions(**values)


def test_model_is_in_evaluation_mode(problem) -> None:
    model, dataset, _ = problem
    model.train()
    first, again = (evaluate(model, dataset, EvalOptions(samples=10)).fused for _ in range(2))
    assert first == again  # dropout is off
    assert not model.training


def test_encoding_in_batches(problem) -> None:
    model, dataset, _ = problem
    with torch.inference_mode():
        for encode, store in ((encode_videos, dataset.video_graphs), (encode_texts, dataset.role_graphs)):
            whole, parts = encode(model, store, 100), encode(model, store, 3)
            for level in model.levels:
                assert torch.allclose(whole[level].x, parts[level].x, atol=1e-6)
                if whole[level].is_set:
                    assert torch.equal(whole[level].ptr, parts[level].ptr)


def test_flat_metrics(problem) -> None:
    model, dataset, _ = problem
    flat = flat_metrics(evaluate(model, dataset, EvalOptions(samples=10, ks=(1,))).fused.metrics)
    assert list(flat) == ["t2v_R@1", "t2v_MedR", "t2v_MnR", "v2t_R@1", "v2t_MedR", "v2t_MnR", "rsum"]


def test_table_and_json(problem) -> None:
    model, dataset, levels = problem
    found = evaluate(model, dataset, EvalOptions(samples=50, levels=True))
    table = format_table(found)
    expected = both_directions(levels.mean(0), dataset.video_of_caption)
    lines = {line.split("  ")[0]: line for line in table.splitlines()}
    assert f"{expected['t2v']['R@1']:.1f} [" in lines["text -> video"]
    assert f"{expected['v2t']['MnR']:.1f} [" in lines["video -> text"]
    assert f"{expected['rsum']:.1f} [" in lines["video -> text"]
    assert "7.1" in lines["chance, text -> video"]
    assert [line for line in table.splitlines() if line.startswith("[")] == ["[event]", "[action]", "[entity]"]
    assert "toy/test: 14 videos, 28 captions; 95 % intervals over queries, 50 resamples" in table
    values = to_json(found)
    assert values["t2v"]["R@1"]["value"] == pytest.approx(expected["t2v"]["R@1"])
    assert values["rsum"]["low"] < values["rsum"]["value"] < values["rsum"]["high"]
    assert set(values["levels"]) == set(model.levels)
    assert values["options"]["ties"] == "pessimistic"


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch, toy_dataset):
    """The toy collection as a registered dataset; returns the sources it was built from."""
    sources: list[DataSource] = []

    def build(split: str, source: DataSource):
        sources.append(source)
        return toy_dataset(split)

    monkeypatch.setitem(DATASETS._entries, "toy", build)
    return sources


def test_checkpoint_on_a_registered_dataset(registered, toy_model, toy_vocabulary, toy_dataset, tmp_path) -> None:
    model, path = toy_model(), tmp_path / "model.ckpt"
    save_checkpoint(path, model, toy_vocabulary, CheckpointInfo("hgr", dataset="toy", parser="neural", video_dim=10))
    found = evaluate_checkpoint(path, "toy", "test", DataSource(), EvalOptions(samples=10))
    direct = evaluate(model, prepare(toy_dataset("test"), model, toy_vocabulary), EvalOptions(samples=10))
    assert replace(found, trained_on="", known_words=None) == direct
    assert (found.trained_on, found.known_words) == ("toy", 1.0)
    assert registered[-1].parser == "neural"  # the parser of training
    evaluate_checkpoint(path, "toy", "test", DataSource(parser="spacy"), EvalOptions(samples=10))
    assert registered[-1].parser == "spacy"


def test_another_dataset_says_how_many_words_are_known(registered, toy_dataset, tmp_path) -> None:
    vocabulary = Vocabulary(["a", "the", "dog", "one"])  # 3 words a caption: article, noun, verb
    model = HGR(len(vocabulary), 10, hidden=8, word_dim=4)
    path = tmp_path / "model.ckpt"
    save_checkpoint(path, model, vocabulary, CheckpointInfo("hgr", dataset="other", video_dim=10))
    found = evaluate_checkpoint(path, "toy", "test", DataSource(), EvalOptions(samples=10))
    words = [word for caption in toy_dataset("test").words() for word in caption]
    expected = sum(word in vocabulary for word in words) / len(words)
    assert found.known_words == pytest.approx(expected)
    assert f"trained on other; {expected:.1%} of the captions' words are in the model's vocabulary" in format_table(
        found
    )
    assert to_json(found)["known_words"] == pytest.approx(expected)


def test_checkpoint_of_other_features(registered, toy_model, toy_vocabulary, tmp_path) -> None:
    path = tmp_path / "model.ckpt"
    info = CheckpointInfo("hgr", video_dim=10, featurizer="pixels")
    save_checkpoint(path, toy_model(), toy_vocabulary, info)
    with pytest.raises(DataError, match=r"features.name is resnet, in training it was pixels"):
        evaluate_checkpoint(path, "toy", "test", DataSource(feature="resnet"))
    save_checkpoint(path, toy_model(), toy_vocabulary, CheckpointInfo("hgr", video_dim=12))
    with pytest.raises(DataError, match=r"frame.x: is 10 wide, .* was trained on 12"):
        evaluate_checkpoint(path, "toy", "test", DataSource())


def test_released_file_on_a_dataset_without_vocabulary(registered, tmp_path) -> None:
    from graphvtr.nn.models.hgr_released import released_name

    state: dict[str, dict[str, torch.Tensor]] = {"video_encoder": {}, "text_encoder": {}}
    for name, tensor in HGR.released(20, 10, hidden=8, word_dim=4).state_dict().items():
        part, _, rest = released_name(name).partition(".")
        state[part][rest] = tensor
    torch.save(state, tmp_path / "epoch.th")
    with pytest.raises(DataError, match="carries no vocabulary and neither does the dataset 'toy'"):
        evaluate_checkpoint(tmp_path / "epoch.th", "toy", "test", DataSource())
