"""The network of the neural parser, on small random weights: padding, batches, what is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.text.neural.batches import Example, predicate_batch, sentence_batch
from graphvtr.text.neural.features import Columns
from graphvtr.text.neural.model import IMPOSSIBLE, RoleTagger, SharedDropout, Sizes
from graphvtr.text.neural.tags import BIOTags
from graphvtr.text.neural.weights import load_weights, save_weights

COLUMNS = Columns(BIOTags.of_labels(["ARG0", "ARG1"]), ("NN", "VB"), ("nsubj", "ROOT"))
SIZES = Sizes(width=16, heads=2, hidden=24, shared_layers=1, predicate_layers=1, positions=20)


def embeddings() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {
        "words": torch.randn(30, 16),
        "positions": torch.randn(20, 16),
        "types": torch.randn(2, 16),
        "scale": torch.ones(16),
        "shift": torch.zeros(16),
    }


@pytest.fixture
def network() -> RoleTagger:
    torch.manual_seed(0)
    network = RoleTagger(COLUMNS, embeddings(), SIZES).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


def example(length: int, seed: int) -> Example:
    generator = torch.Generator().manual_seed(seed)
    pieces = torch.randint(30, (length + 3,), generator=generator).tolist()  # one word has two pieces
    first = [1, *range(3, length + 2)]
    rows = [[torch.randint(3, (), generator=generator).item(), 3, 6] for _ in range(length)]
    return Example(pieces, first, rows)  # type: ignore[arg-type]


def pair_rows(length: int, seed: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    size = sum(COLUMNS.pair_sizes)
    rows: list[list[int]] = torch.randint(size, (length, len(COLUMNS.pair_sizes)), generator=generator).tolist()
    return rows


def scores_of(network: RoleTagger, examples: list[Example], predicates: list[Any]) -> tuple[Tensor, Tensor]:
    batch = sentence_batch(examples)
    with torch.no_grad():
        hidden, found = network.read(batch)
        return found, network.label(hidden, batch, predicate_batch(predicates, batch.first.size(1)))


def test_a_batch_gives_what_each_sentence_gives_alone(network: RoleTagger) -> None:
    examples = [example(3, 0), example(6, 1), example(1, 2)]
    predicates = [(0, 1, pair_rows(3, 0)), (1, 5, pair_rows(6, 1)), (1, 0, pair_rows(6, 2)), (2, 0, pair_rows(1, 3))]
    found, scores = scores_of(network, examples, predicates)
    assert found.shape == (3, 6)
    assert scores.shape == (4, 6, 5)
    for number, (sentence, position, rows) in enumerate(predicates):
        alone_found, alone = scores_of(network, [examples[sentence]], [(0, position, rows)])
        length = len(examples[sentence].first)
        torch.testing.assert_close(found[sentence, :length], alone_found[0])
        torch.testing.assert_close(scores[number, :length], alone[0])


def test_the_predicate_is_outside_and_no_span_starts_inside(network: RoleTagger) -> None:
    _, scores = scores_of(network, [example(4, 0)], [(0, 2, pair_rows(4, 0))])
    assert scores[0, 2].tolist() == [0, *[IMPOSSIBLE] * 4]
    assert scores[0, 0, COLUMNS.rule_tags.ids["I-ARG0"]] == IMPOSSIBLE
    assert scores[0, 1, COLUMNS.rule_tags.ids["I-ARG0"]] > IMPOSSIBLE


def test_the_predicate_and_the_tree_matter(network: RoleTagger) -> None:
    rows = pair_rows(4, 0)
    _, one = scores_of(network, [example(4, 0)], [(0, 2, rows)])
    _, other = scores_of(network, [example(4, 0)], [(0, 3, rows)])
    _, changed = scores_of(network, [example(4, 0)], [(0, 2, pair_rows(4, 1))])
    assert not torch.allclose(one[0, 1], other[0, 1])
    assert not torch.allclose(one[0, 1], changed[0, 1])


def test_a_sentence_without_predicates(network: RoleTagger) -> None:
    _, scores = scores_of(network, [example(2, 0)], [])
    assert scores.shape == (0, 2, 5)


def test_every_weight_learns(network: RoleTagger) -> None:
    network.train()
    batch = sentence_batch([example(4, 0), example(2, 1)])
    hidden, found = network.read(batch)
    predicates = predicate_batch([(0, 2, pair_rows(4, 0)), (1, 0, pair_rows(2, 1))], 4)
    scores = network.label(hidden, batch, predicates).clamp_min(-50)
    (scores.square().sum() + network.transitions().exp().sum() + found.square().sum()).backward()
    silent = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert silent == []
    assert all(
        bool(parameter.grad.any())
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and "in_proj_bias" not in name
    )


def test_dropout_drops_whole_channels() -> None:
    dropout = SharedDropout(0.5)
    torch.manual_seed(0)
    states = dropout(torch.ones(3, 5, 64))
    assert set(states.unique().tolist()) == {0.0, 2.0}
    assert bool((states == states[:, :1]).all())
    assert not bool((states[0] == states[1]).all())
    assert bool((dropout.eval()(torch.ones(1, 1, 4)) == 1).all())


def test_weights_are_saved_and_loaded(network: RoleTagger, tmp_path: Path) -> None:
    path = tmp_path / "roles.safetensors"
    save_weights(path, network, {"seed": 0})
    assert [file.name for file in tmp_path.iterdir()] == ["roles.safetensors"]
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    again = load_weights(path, embeddings())
    assert again.sizes == SIZES
    assert again.columns.tags == COLUMNS.tags
    assert again.columns.rule_tags.names == COLUMNS.rule_tags.names
    assert not again.training
    for (name, one), (other_name, other) in zip(again.named_parameters(), network.named_parameters(), strict=True):
        assert name == other_name
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)


def test_files_that_hold_no_network(network: RoleTagger, tmp_path: Path) -> None:
    path = tmp_path / "roles.safetensors"
    with pytest.raises(DataError, match=r"roles\.safetensors: holds no role tagger"):
        load_weights(path, embeddings())
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match="holds no role tagger"):
        load_weights(path, embeddings())
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(DataError, match="its format is None"):
        load_weights(path, embeddings())
    save_weights(path, network, {})
    content = path.read_bytes()
    path.write_bytes(content.replace(b'\\"width\\": 16', b'\\"width\\": 32'))
    with pytest.raises(DataError, match="holds no role tagger"):
        load_weights(path, embeddings())
    path.write_bytes(content[:-10])
    with pytest.raises(DataError, match="holds no role tagger"):
        load_weights(path, embeddings())
