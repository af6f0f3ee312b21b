"""BIO tags of argument spans: their vocabulary, the best legal sequence, and a chain's log-likelihood."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphvtr.errors import DataError
from graphvtr.text.frames import Argument

OUTSIDE = "O"
IMPOSSIBLE = -1e4
"""A score that no path survives; finite, so that sums and gradients of it stay numbers."""


class BIOTags:
    """A vocabulary of BIO tags and which of them may follow which: ``I-x`` only after ``B-x`` or ``I-x``.

    Args:
        names: the tags, ``O`` among them, in the order of the network's outputs.

    Raises:
        DataError: a tag is repeated, malformed, or ``O`` or a ``B-x`` of an ``I-x`` is missing.

    Example:
        >>> tags = BIOTags(["O", "B-ARG0", "I-ARG0"])
        >>> tags.spans([1, 2, 0, 1])
        [Argument(label='ARG0', first=0, last=1), Argument(label='ARG0', first=3, last=3)]
        >>> tags.encode([Argument("ARG0", 0, 1)], 3)
        [1, 2, 0]
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        self.ids = {name: index for index, name in enumerate(self.names)}
        for name in self.names:
            prefix, _, label = name.partition("-")
            if name != OUTSIDE and (prefix not in ("B", "I") or not label):
                raise DataError(f"tag {name!r}", "is neither O, B-x nor I-x", "use BIO tags")
            if prefix == "I" and f"B-{label}" not in self.ids:
                raise DataError(f"tag {name!r}", "has no B- tag beside it", f"add B-{label}")
        if OUTSIDE not in self.ids or len(self.ids) < len(self.names):
            raise DataError("tags", "repeat a tag or have no O", "list O and each B-x and I-x once")
        self.outside = self.ids[OUTSIDE]
        inside = [name.startswith("I-") for name in self.names]
        follows = [
            [not i or (a[2:] == b[2:] and a != OUTSIDE) for b, i in zip(self.names, inside, strict=True)]
            for a in self.names
        ]
        self.may_follow = torch.tensor(follows)  # [T, T]: from, to
        self.may_start = ~torch.tensor(inside)  # [T]

    @classmethod
    def of_labels(cls, labels: Sequence[str]) -> BIOTags:
        """``O`` and two tags for each label."""
        return cls([OUTSIDE, *(f"{prefix}-{label}" for label in labels for prefix in "BI")])

    def __len__(self) -> int:
        return len(self.names)

    def encode(self, arguments: Sequence[Argument], length: int) -> list[int]:
        """Tag ids of spans; labels outside the vocabulary are left out, of overlapping spans the later stays whole."""
        tags = [self.outside] * length
        for label, first, last in arguments:
            if f"B-{label}" in self.ids:
                tags[first : last + 1] = [self.ids[f"B-{label}"]] + [self.ids[f"I-{label}"]] * (last - first)
        return tags

    def spans(self, tags: Sequence[int]) -> list[Argument]:
        """The spans of a legal sequence of tag ids."""
        found: list[Argument] = []
        for position, tag in enumerate(tags):
            name = self.names[tag]
            if name.startswith("B-"):
                found.append(Argument(name[2:], position, position))
            elif name != OUTSIDE:
                found[-1] = found[-1]._replace(last=position)
        return found

    def transitions(self, scores: Tensor | None = None) -> Tensor:
        """``scores`` (zeros by default) of a step from a tag to another, ``[T, T]``; illegal steps impossible."""
        allowed = self.may_follow if scores is None else self.may_follow.to(scores.device)
        scores = torch.zeros(allowed.shape) if scores is None else scores
        return scores.masked_fill(~allowed, IMPOSSIBLE)

    def starts(self, emissions: Tensor) -> Tensor:
        """Emissions ``[N, L, T]`` in which no sequence starts inside a span."""
        first = emissions[:, :1].masked_fill(~self.may_start.to(emissions.device), IMPOSSIBLE)
        return torch.cat([first, emissions[:, 1:]], dim=1)


def best_paths(emissions: Tensor, lengths: Tensor, transitions: Tensor) -> list[list[int]]:
    """Viterbi: the tag sequences of highest score.

    Args:
        emissions: score of each tag at each position, ``[N, L, T]``.
        lengths: positions of each sequence, ``[N]``, 1 to L.
        transitions: score of the step from a tag to another, ``[T, T]``.
    """
    count, length, size = emissions.shape
    if not count:
        return []
    score = emissions[:, 0]  # [N, T]
    steps = []
    still = torch.arange(size, device=emissions.device).expand(count, size)
    for position in range(1, length):
        best, source = (score[:, :, None] + transitions).max(dim=1)  # [N, T]
        runs = (position < lengths)[:, None]
        steps.append(torch.where(runs, source, still))
        score = torch.where(runs, best + emissions[:, position], score)
    tag = score.argmax(dim=1)  # [N]
    path = [tag]
    for source in reversed(steps):
        tag = source.gather(1, tag[:, None])[:, 0]
        path.append(tag)
    table = torch.stack(path[::-1], dim=1).tolist()  # a finished sequence stands still until L
    return [row[:end] for row, end in zip(table, lengths.tolist(), strict=True)]


def path_log_likelihood(emissions: Tensor, tags: Tensor, lengths: Tensor, transitions: Tensor) -> Tensor:
    """Log-likelihood ``[N]`` of tag sequences in a linear-chain conditional random field.

    The sum over all paths runs as one product with ``exp(transitions)`` a step, so no ``[N, T, T]`` is built.

    Args:
        emissions: ``[N, L, T]``.
        tags: ``[N, L]``; anything legal behind a sequence's end.
        lengths: ``[N]``.
        transitions: ``[T, T]``.
    """
    inside = torch.arange(emissions.size(1), device=emissions.device) < lengths[:, None]  # [N, L]
    own = emissions.gather(2, tags[:, :, None])[:, :, 0].masked_fill(~inside, 0).sum(dim=1)
    own = own + transitions[tags[:, :-1], tags[:, 1:]].masked_fill(~inside[:, 1:], 0).sum(dim=1)
    step = transitions.exp()
    score = emissions[:, 0]
    for position in range(1, emissions.size(1)):
        peak = score.detach().amax(dim=1, keepdim=True)
        # what underflows is 60 e-folds below the best path: its share of the sum is nothing
        summed = ((score - peak).exp() @ step).clamp_min(1e-26).log() + peak
        score = torch.where(inside[:, position, None], summed + emissions[:, position], score)
    return own - score.logsumexp(dim=1)
