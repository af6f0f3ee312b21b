"""Hard negatives for any captioned collection: captions worded like a true one of which one thing is wrong.

:func:`perturb` makes the five kinds of HGR's binary selection (Table 6) from role graphs; the text is rebuilt with
articles, verb forms and agreement.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from torch import Tensor
from tqdm import tqdm

from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph
from graphvtr.text.pairs import ALL_KINDS, KINDS, BinaryPair
from graphvtr.text.parser import get_parser
from graphvtr.text.perturb import directions as directions
from graphvtr.text.perturb.kinds import CHANGES, Said
from graphvtr.text.perturb.pool import Pool
from graphvtr.text.perturb.sentence import Sentence, sentences
from graphvtr.text.spacy_parser import SpacyRoleParser
from graphvtr.values import positions

__all__ = ["KINDS", "BinaryPair", "perturb", "perturb_one"]

ATTEMPTS = 8  # draws for one caption before the next caption of the clip is tried


def perturb(
    videos: Sequence[str],
    video_of_caption: Tensor | Sequence[int],
    graphs: Iterable[RoleGraph],
    *,
    seed: int = 0,
    kinds: Sequence[str] = KINDS,
    per_video: int = 1,
    progress: bool = False,
) -> Iterator[BinaryPair]:
    """Pairs of a true caption and a perturbed one: of each clip and kind up to ``per_video``, of captions drawn at
    random.

    Replacements are drawn from the collection itself, and never name what another caption of the clip names: a clip
    of a `woman` may also be said to show a `person`, so persons are replaced only by the other sex or by no person.
    The same seed gives the same pairs; a clip's pairs do not depend on the other clips but through the pool of
    replacements. The paper had its pairs checked by people; these are not.

    Args:
        videos: Nv names.
        video_of_caption: [Nc], position in ``videos`` of each caption's clip.
        graphs: Nc role graphs, of any parser.
        seed: of all draws.
        kinds: some of :data:`graphvtr.text.pairs.ALL_KINDS`: by default the table's five; ``"exchange directions"``
            makes `up` of `down` and `closing` of `opening`.
        per_video: at most this many of each kind and clip.
        progress: show a bar.

    Raises:
        DataError: an unknown kind, ``per_video`` below 1, or lengths that do not fit.
        MissingExtraError: spaCy, which tells nouns from verbs, is not installed.

    Example:
        >>> captions = ["a dog is chasing a cat", "a man is playing a guitar in the kitchen"]
        >>> graphs = list(get_parser("spacy").parse(captions))
        >>> [pair.negative for pair in perturb(["one", "two"], [0, 1], graphs, kinds=["switch roles"])]
        ['a cat is chasing a dog', 'a guitar is playing a man in the kitchen']
    """
    unknown = [kind for kind in kinds if kind not in CHANGES]
    if unknown:
        raise DataError(f"kind '{unknown[0]}'", "unknown", f"known: {', '.join(ALL_KINDS)}")
    if per_video < 1:
        raise DataError("per_video", f"is {per_video}", "give 1 or more")
    owner = positions(video_of_caption, len(videos), "video_of_caption", negative=False, mask=False).tolist()
    read = list(tqdm(sentences(graphs, _tagger()), "reading", len(owner), disable=not progress, leave=False))
    if len(read) != len(owner):
        raise DataError("graphs", f"has {len(read)} entries for {len(owner)} captions", "give one a caption")
    return _pairs(videos, owner, read, seed, kinds, per_video, progress)


def _pairs(
    videos: Sequence[str],
    owner: Sequence[int],
    read: Sequence[Sentence],
    seed: int,
    kinds: Sequence[str],
    per_video: int,
    progress: bool,
) -> Iterator[BinaryPair]:
    pool = Pool.of(read)
    of_video: list[list[Sentence]] = [[] for _ in videos]
    for sentence, video in zip(read, owner, strict=True):
        of_video[video].append(sentence)
    for name, own in zip(tqdm(videos, "perturbing", disable=not progress, leave=False), of_video, strict=True):
        said = Said.by(own)
        for kind in kinds:
            rng = np.random.default_rng([seed, zlib.crc32(name.encode()), ALL_KINDS.index(kind)])
            left = per_video
            for position in rng.permutation(len(own)):
                if left and (negative := perturb_one(kind, own[position], pool, said, rng)) is not None:
                    left -= 1
                    yield BinaryPair(name, own[position].caption, negative, kind)


def perturb_one(kind: str, sentence: Sentence, pool: Pool, said: Said, rng: np.random.Generator) -> str | None:
    """One perturbed text of a caption, none of the clip's own; None where the caption does not lend itself to it."""
    for _ in range(ATTEMPTS):
        text = CHANGES[kind](rng, sentence, pool, said)
        if text is None:
            continue
        if text.lower().strip(".! ") != sentence.caption.lower().strip(".! ") and text.split():
            return text
    return None


def _tagger() -> SpacyRoleParser:
    parser = get_parser("spacy")
    if not isinstance(parser, SpacyRoleParser):
        raise TypeError("the parser 'spacy' is no SpacyRoleParser")
    return parser
