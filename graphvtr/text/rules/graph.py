"""The graph of a parsed caption and its frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphvtr.text.frames import Frame, frames_to_lists
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.rules.predicates import noun_phrases
from graphvtr.text.rules.tree import Tree
from graphvtr.text.tagged import tagged_frames

Verb = tuple[int, ...]


def tree_to_lists(tree: Tree, caption: str, frames: Iterable[Frame], verbs: Iterable[Verb] = ()) -> GraphLists:
    """A caption's graph: its words without punctuation, the frames of its predicates, or its noun phrases.

    Args:
        tree: the caption's dependency tree.
        caption: the caption as given.
        frames: predicates and their arguments, in tokens of the tree.
        verbs: more verbs, without arguments, for a caption in which no predicate has one.
    """
    is_word = [any(map(str.isalnum, word)) for word in tree.words]
    if not any(is_word):  # a caption of signs or emoji only: take them for words
        is_word = [True] * len(tree)
    kept = [frame for frame in frames if is_word[frame.predicate[0]]]
    bare = not any(frame.arguments for frame in kept)
    own = [*(frame.predicate for frame in kept), *(verb for verb in verbs if is_word[verb[0]])] if bare else ()
    return frames_to_lists(
        caption, tree.words, kept, nouns=noun_phrases(tree) if bare else (), verbs=own, is_word=is_word
    )


def tagged_tree_to_lists(tree: Tree, caption: str, tags_of_verbs: Sequence[Sequence[str]]) -> GraphLists:
    """A caption's graph from the BIO tags of a labeller, one sequence for each verb."""
    frames, bare = tagged_frames(tags_of_verbs)
    return tree_to_lists(tree, caption, frames, bare)
