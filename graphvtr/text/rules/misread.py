"""What pipelines misread in captions, and the wording in which they read it right.

They learn from newspapers, captions are telegrams: in `towel hanging on a rod` the towel is taken for a verb, in `man
holding skis` for an adverb. A caption of such a kind is parsed once more with the words that were left out (`towel that
is hanging`) or with a plain verb instead of a rare one; the tree, with those words taken out again, is the caption's.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from graphvtr.text.rules import lexicon
from graphvtr.text.rules.clause import is_verb
from graphvtr.text.rules.modifiers import names_being
from graphvtr.text.rules.tree import Tree

SINGULAR = frozenset(("a", "an", "another", "each", "every", "this"))
INSIDE_SINGULAR = frozenset(("NN", "NNP", "JJ", "JJR", "JJS"))
NOUNS = frozenset(("NN", "NNS", "NNP", "NNPS"))
FINITE = frozenset(("VBZ", "VBP", "VBD", "MD"))
BARE = frozenset(("JJ", "NN", "NNP", "NNS", "RB", "VB", "VBP", "VBZ"))  # what a noun without an article is taken for
THAT_IS = ("that", "is")


class Wording(NamedTuple):
    """Words to parse instead of a caption's.

    ``places`` holds each word's token in the caption, None for words put in; ``clauses`` the verbs that should come
    out as clauses of a noun.
    """

    words: list[str]
    places: list[int | None]
    clauses: tuple[int, ...] = ()


def clearer_wording(tree: Tree) -> Wording | None:
    """A wording of the caption without what is misread in it; None if nothing looks misread."""
    exchanged = {token: plain_verb_for(tree, token) for token in misread_verbs(tree)}
    put_in: dict[int, tuple[str, ...]] = {}
    clauses = [token for token in range(1, len(tree)) if _lacks_auxiliary(tree, token)]
    put_in |= dict.fromkeys(clauses, THAT_IS)
    for verb, noun in _double_subjects(tree):
        clauses.append(verb)
        put_in[noun] = ("that",)
    put_in |= dict.fromkeys(_nouns_after_to(tree), ("the",))
    if clauses and 0 not in put_in and tree.tags[0] in BARE:
        put_in[0] = ("the",)
    if not exchanged and not put_in:
        return None
    words: list[str] = []
    places: list[int | None] = []
    for token, word in enumerate(tree.words):
        new = put_in.get(token, ())
        words += [*new, exchanged.get(token, word)]
        places += [*(None for _ in new), token]
    return Wording(words, places, tuple(clauses))


def restored(tree: Tree, again: Tree, wording: Wording) -> Tree:
    """The tree of the caption by the tree of its clearer wording; ``tree`` itself if that did not help."""
    tags, deps, heads = list(tree.tags), list(tree.deps), list(tree.heads)
    token_at = {place: token for place, token in enumerate(wording.places) if token is not None}
    for place, token in token_at.items():
        head, dep = again.heads[place], again.deps[place]
        while head not in token_at and again.heads[head] != head:
            head, dep = again.heads[head], again.deps[head]
        if head not in token_at:  # below a root that was put in
            return tree
        tags[token], deps[token], heads[token] = again.tags[place], dep, token_at[head]
    for verb in wording.clauses:
        if deps[verb] not in ("relcl", "acl") or not tags[verb].startswith("VB"):
            return tree
        if tags[verb] == "VBG" and not any(
            heads[token] == verb and deps[token] in SUBJECT for token in range(len(deps))
        ):
            deps[verb] = "acl"
    return Tree(tree.words, tags, deps, heads, tree.lemma_of)


SUBJECT = frozenset(("nsubj", "nsubjpass"))


def misread_verbs(tree: Tree) -> list[int]:
    """Verbs that the pipeline takes for nouns: in -s after a singular (`a [woman dances]`, where `a` asks for one) or
    after a verb and a conjunction (`washes and [cuts] potatoes`), and in captions without a verb plain ones after a
    plural (`two dogs [bark]`)."""
    found = [] if any(is_verb(tree, token) for token in range(len(tree))) else _plain_verbs(tree)
    for token in range(2, len(tree)):
        word = tree.words[token]
        if not word.endswith("s") or tree.lemma(token) == word:
            continue
        joined = tree.tags[token - 1] == "CC" and (tree.tags[token - 2] == "VBZ" or token - 2 in found)
        if joined and (tree.tags[token] == "NNS" or (tree.tags[token], tree.deps[token]) == ("VBZ", "compound")):
            found.append(token)
            continue
        if tree.tags[token] not in ("NNS", "NNPS"):
            continue
        if tree.tags[token - 1] not in ("NN", "NNP") or _next_is_auxiliary(tree, token):
            continue
        first = token - 1
        while first and tree.tags[first - 1] in INSIDE_SINGULAR:
            first -= 1
        if first and tree.words[first - 1] in SINGULAR:
            found.append(token)
    return found


def _plain_verbs(tree: Tree) -> list[int]:
    for token in range(1, len(tree)):
        if tree.tags[token] not in ("NN", "NNP", "JJ") or tree.tags[token - 1] not in ("NNS", "NNPS"):
            continue
        if names_being(tree, token - 1) and tree.words[token] in lexicon.CAPTION_VERBS:
            return [token]
    return []


def _next_is_auxiliary(tree: Tree, token: int) -> bool:
    return token + 1 < len(tree) and tree.words[token + 1] in ("are", "were", "have")


def plain_verb_for(tree: Tree, token: int) -> str:
    """A frequent verb that no parser misreads, to stand for the one at ``token``: with or without an object."""
    after = tree.tags[token + 1] if token + 1 < len(tree) else ""
    with_object = after.startswith(("DT", "PRP", "NN", "JJ", "CD"))
    if token and tree.tags[token] == "NN" and tree.tags[token - 1] in ("NNS", "NNPS"):
        return "make" if with_object else "go"
    return "makes" if with_object else "goes"


def _lacks_auxiliary(tree: Tree, verb: int) -> bool:
    """Whether the form in -ing at ``verb`` is a clause of the noun before it that the tree has otherwise."""
    word, noun = tree.words[verb], verb - 1
    if not word.endswith("ing") or len(word) < 5 or any(tree.tags[token] in FINITE for token in range(noun)):
        return False
    if tree.tags[verb] in ("NN", "NNP", "JJ"):
        if tree.tags[noun] not in NOUNS or word in lexicon.NOUNS_IN_ING:
            return False
        return names_being(tree, noun) or tree.lemma(verb) in lexicon.CAPTION_VERBS
    if tree.tags[verb] != "VBG":
        return False
    below = tree.heads[noun] == verb and tree.deps[noun] in BESIDE
    beside = tree.deps[verb] == "amod" and tree.heads[noun] == tree.heads[verb] and tree.deps[noun] in BESIDE
    if tree.tags[noun] in NOUNS and (below or beside):
        return True
    if noun == 0 and below and tree.tags[noun] in ("JJ", "RB", "VB"):
        return not word_is_adverb(tree.words[noun])
    takes_it = tree.deps[verb] == "xcomp" and tree.heads[verb] == noun and tree.deps[noun] == "ROOT"
    return (
        takes_it and not tree.all_children(noun, "nsubj", "aux", "expl") and tree.lemma(noun) not in lexicon.TAKES_ING
    )


BESIDE = frozenset(("npadvmod", "compound", "nmod", "amod", "advmod", "dep"))


def word_is_adverb(word: str) -> bool:
    """`slowly`, `then`, `now`."""
    return word.endswith("ly") or word in lexicon.TIME_ADVERBS or word in lexicon.PLACE_ADVERBS


def _double_subjects(tree: Tree) -> Iterable[tuple[int, int]]:
    """`the beach [the bear] is sitting on`: a verb with two subjects side by side, and where the second begins."""
    for verb in range(2, len(tree)):
        subjects = tree.all_children(verb, "nsubj")
        if len(subjects) != 2 or not is_verb(tree, verb) or subjects[1] > verb:
            continue
        first, second = subjects
        begin = tree.left[second]
        opened = tree.tags[begin] in ("DT", "PRP", "PRP$")
        if opened and begin == tree.right[first] + 1 and tree.tags[first] in NOUNS:
            yield verb, begin


def _nouns_after_to(tree: Tree) -> Iterable[int]:
    """`attached to [fridge]`: a noun that is taken for a verb after `to`."""
    for token in range(1, len(tree) - 1):
        if tree.words[token] != "to" or tree.deps[token] != "aux":
            continue
        head = tree.heads[token]
        if head > token and tree.tags[head] in NOUNS and tree.tags[token + 1] in (*NOUNS, "JJ"):
            yield token + 1
