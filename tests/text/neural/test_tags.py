"""BIO tags, the best path and the likelihood of a path, against enumeration of all paths."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.text.frames import Argument
from graphvtr.text.neural.tags import BIOTags, best_paths, path_log_likelihood
from graphvtr.text.tagged import tag_spans

TAGS = BIOTags.of_labels(["ARG0", "R-ARG1"])


def test_the_vocabulary() -> None:
    assert TAGS.names == ["O", "B-ARG0", "I-ARG0", "B-R-ARG1", "I-R-ARG1"]
    assert len(TAGS) == 5
    assert TAGS.may_start.tolist() == [True, True, False, True, False]
    follows = {(TAGS.names[a], TAGS.names[b]) for a, b in TAGS.may_follow.nonzero().tolist()}
    assert ("B-ARG0", "I-ARG0") in follows
    assert ("I-ARG0", "I-ARG0") in follows
    assert not {("O", "I-ARG0"), ("B-R-ARG1", "I-ARG0"), ("I-ARG0", "I-R-ARG1")} & follows
    assert all((a, b) in follows for a in TAGS.names for b in ("O", "B-ARG0", "B-R-ARG1"))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["B-A", "I-A"], "have no O|no O"),
        (["O", "O"], "repeat a tag"),
        (["O", "X-A"], "tag 'X-A': is neither O, B-x nor I-x"),
        (["O", "B-"], "tag 'B-': is neither"),
        (["O", "I-A"], "tag 'I-A': has no B- tag"),
    ],
)
def test_wrong_vocabularies(names: list[str], message: str) -> None:
    with pytest.raises(DataError, match=message):
        BIOTags(names)


def test_spans_to_tags_and_back() -> None:
    spans = [Argument("ARG0", 0, 1), Argument("R-ARG1", 2, 2), Argument("ARG0", 4, 6)]
    tags = TAGS.encode(spans, 8)
    assert TAGS.spans(tags) == spans
    assert tag_spans([TAGS.names[tag] for tag in tags]) == spans
    assert TAGS.encode([Argument("ARG9", 0, 3)], 4) == [0, 0, 0, 0], "an unknown label is left out"


def legal(path: tuple[int, ...]) -> bool:
    return bool(TAGS.may_start[path[0]]) and all(bool(TAGS.may_follow[a, b]) for a, b in itertools.pairwise(path))


def path_score(path: tuple[int, ...], emissions: Tensor, transitions: Tensor) -> Tensor:
    score = torch.stack([emissions[position, tag] for position, tag in enumerate(path)]).sum()
    return score + sum((transitions[a, b] for a, b in itertools.pairwise(path)), torch.zeros((), dtype=emissions.dtype))


def all_paths(length: int) -> list[tuple[int, ...]]:
    return [path for path in itertools.product(range(len(TAGS)), repeat=length) if legal(path)]


def random_problem(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(4, 4, len(TAGS), generator=generator, dtype=torch.float64) * 3
    transitions = torch.randn(len(TAGS), len(TAGS), generator=generator, dtype=torch.float64)
    return emissions, torch.tensor([4, 1, 3, 2]), transitions


@pytest.mark.parametrize("seed", range(5))
def test_the_best_path_is_the_best_of_all_legal_paths(seed: int) -> None:
    emissions, lengths, scores = random_problem(seed)
    transitions = TAGS.transitions(scores)
    found = best_paths(TAGS.starts(emissions), lengths, transitions)
    for row, length in enumerate(lengths.tolist()):
        best = max(all_paths(length), key=lambda path: float(path_score(path, emissions[row], scores)))
        assert tuple(found[row]) == best


@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_and_its_gradients_are_those_of_all_legal_paths(seed: int) -> None:
    emissions, lengths, scores = random_problem(seed)
    tags = torch.tensor([[1, 2, 2, 0], [0, 0, 0, 0], [3, 4, 1, 0], [1, 1, 0, 0]])
    emissions.requires_grad_()
    scores.requires_grad_()
    found = path_log_likelihood(TAGS.starts(emissions), tags, lengths, TAGS.transitions(scores))
    wanted = []
    for row, length in enumerate(lengths.tolist()):
        paths = torch.stack([path_score(path, emissions[row], scores) for path in all_paths(length)])
        own = path_score(tuple(tags[row, :length].tolist()), emissions[row], scores)
        wanted.append(own - paths.logsumexp(dim=0))
    torch.testing.assert_close(found, torch.stack(wanted))
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    ours = torch.autograd.grad((found * weights).sum(), [emissions, scores])
    plain = torch.autograd.grad((torch.stack(wanted) * weights).sum(), [emissions, scores])
    torch.testing.assert_close(ours, plain)


def test_scores_that_differ_by_hundreds_stay_numbers() -> None:
    emissions = torch.zeros(1, 5, len(TAGS))
    emissions[0, :, 1] = 500
    emissions.requires_grad_()
    tags = torch.full((1, 5), 1)
    loss = path_log_likelihood(TAGS.starts(emissions), tags, torch.tensor([5]), TAGS.transitions())
    (gradient,) = torch.autograd.grad(loss.sum(), emissions)
    assert loss.item() == pytest.approx(0, abs=1e-3)
    assert bool(gradient.isfinite().all())


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(0, 4), length=st.integers(1, 9))
def test_decoded_tags_are_legal(seed: int, count: int, length: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    emissions = torch.randn(count, length, len(TAGS), generator=generator) * 20
    lengths = torch.randint(1, length + 1, (count,), generator=generator)
    paths = best_paths(TAGS.starts(emissions), lengths, TAGS.transitions())
    assert [len(path) for path in paths] == lengths.tolist()
    assert all(legal(tuple(path)) for path in paths)


def test_padding_changes_nothing() -> None:
    emissions, lengths, scores = random_problem(0)
    transitions = TAGS.transitions(scores)
    starts = TAGS.starts(emissions)
    together = best_paths(starts, lengths, transitions)
    for row, length in enumerate(lengths.tolist()):
        alone = best_paths(starts[row : row + 1, :length], lengths[row : row + 1], transitions)
        assert alone == [together[row]]
