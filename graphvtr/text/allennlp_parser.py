"""Role graphs by AllenNLP itself, in another Python."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from graphvtr.errors import DataError
from graphvtr.text.frames import Argument
from graphvtr.text.graph_lists import GraphLists
from graphvtr.text.parser import BATCH_SIZE, PARSERS, ListParser, shorten
from graphvtr.text.rules.graph import tagged_tree_to_lists
from graphvtr.text.spacy_parser import MAX_WORDS, SpacyRoleParser
from graphvtr.text.tagged import tag_spans
from graphvtr.worker_process import WorkerProcess

WORKER = Path(__file__).with_name("allennlp_worker.py")
HOW_TO = "see the guide 'AllenNLP's labeller'"


@PARSERS.register("allennlp")
class AllenNLPParser(ListParser):
    """Asks AllenNLP's labeller, which runs as a process in a Python environment of its own.

    ``allennlp-models`` 2.10.1, the last release, pins PyTorch below 1.13, so it never shares an environment with
    this library. Captions are split into words here, by spaCy, and the worker (:mod:`graphvtr.text.allennlp_worker`,
    a single file) labels them; a sentence without arguments gets its noun phrases from the dependency tree. The
    process starts with the first caption and ends with the parser.

    Args:
        python: the interpreter of the environment that ``requirements-allennlp.txt`` was installed into.
        archive: ``structured-prediction-srl-bert.*.tar.gz`` or another archive of AllenNLP's role labellers.
        worker: the worker's script.
        cuda_device: the GPU that the labeller uses; -1: none.
        timeout: seconds to wait for an answer, the loading of the model included.
        model: spaCy pipeline, as for :class:`~graphvtr.text.SpacyRoleParser`.
        max_words: captions with more words are an error.

    Raises:
        DataError: the interpreter, archive or worker does not exist; later, the worker fails, dies or says nothing.
    """

    name = "allennlp"

    def __init__(
        self,
        python: str | Path,
        archive: str | Path,
        *,
        worker: str | Path = WORKER,
        cuda_device: int = -1,
        timeout: float = 600.0,
        model: str | None = None,
        max_words: int = MAX_WORDS,
    ) -> None:
        for what, path in (("python", python), ("archive", archive), ("worker", worker)):
            if not Path(path).is_file():
                raise DataError(f"{what} {path}", "no such file", HOW_TO)
        self.rules = SpacyRoleParser(model, max_words=max_words)
        self.timeout = timeout
        self._command = [str(python), str(worker), str(archive), "--cuda-device", str(cuda_device)]
        stat = Path(archive).stat()
        digest = hashlib.sha256(f"{Path(archive).name} {stat.st_size}".encode() + Path(worker).read_bytes())
        self.version = f"{digest.hexdigest()[:10]}+{self.rules.version}"
        self._process: WorkerProcess | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({' '.join(self._command)})"

    def sentences(self, captions: Iterable[str], batch_size: int) -> Iterator[GraphLists]:
        """Each caption's graph as lists.

        Raises:
            DataError: a caption that is empty, no string, or longer than ``max_words``; or the worker has failed.
        """
        parsed = self.rules.caption_trees(captions, batch_size=batch_size)
        while chunk := list(islice(parsed, batch_size)):
            tags = self.tag([tree.words for tree, _ in chunk])
            for (tree, caption), of_verbs in zip(chunk, tags, strict=True):
                yield tagged_tree_to_lists(tree, caption, of_verbs)

    def label_many(
        self, sentences: Iterable[tuple[Sequence[str], Sequence[int] | None]], *, batch_size: int = BATCH_SIZE
    ) -> Iterator[list[tuple[int, list[Argument]]]]:
        """For each sentence its predicates and their arguments.

        AllenNLP chooses its predicates itself: of given ones those that it does not take for verbs have no arguments.
        """
        sentences = iter(sentences)
        while chunk := list(islice(sentences, batch_size)):
            for (_, given), of_verbs in zip(chunk, self.tag([tokens for tokens, _ in chunk]), strict=True):
                found = dict(filter(None, map(_predicate, of_verbs)))
                yield list(found.items()) if given is None else [(verb, found.get(verb, [])) for verb in given]

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[list[str]]]:
        """The BIO tags of each sentence's words, a sequence for each verb that AllenNLP finds."""
        if self._process is None or not self._process.alive:
            self._process = WorkerProcess(self._command, self.timeout, HOW_TO)
        results = self._process.ask([list(words) for words in sentences])
        return [_checked(self._command[1], words, result) for words, result in zip(sentences, results, strict=True)]

    def close(self) -> None:
        """End the worker; the next caption starts another."""
        if self._process is not None:
            self._process.close()
            self._process = None


def _checked(script: str, words: Sequence[str], result: Any) -> list[list[str]]:
    """The tag sequences of a sentence's verbs, if they are what the protocol says."""
    verbs = result.get("verbs") if isinstance(result, dict) else None
    sequences: list[Any] = [verb.get("tags") if isinstance(verb, dict) else None for verb in verbs or ()]
    right = all(
        isinstance(tags, list) and len(tags) == len(words) and all(isinstance(tag, str) for tag in tags)
        for tags in sequences
    )
    if not isinstance(verbs, list) or not right:
        sentence = shorten(" ".join(words))
        raise DataError(f"{script}: sentence '{sentence}'", "has no tag for each of its words", HOW_TO)
    return sequences


def _predicate(tags: Sequence[str]) -> tuple[int, list[Argument]] | None:
    spans = tag_spans(tags)
    verb = next((span.first for span in spans if span.label == "V"), None)
    return None if verb is None else (verb, [span for span in spans if span.label not in ("V", "C-V")])
