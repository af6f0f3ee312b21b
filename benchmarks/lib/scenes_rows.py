"""The rows of ``benchmarks/scenes.py``: what each paper's table compares, at one width, and what it claims."""

from __future__ import annotations

from typing import Any

from benchmarks.lib.paths import CACHE
from benchmarks.lib.trial import Trial
from graphvtr.nn.models.vsrnet import PRESETS

HIDDEN = 128
TRAIN = {
    "epochs": 80,
    "batch_size": 64,
    "lr": 1e-3,
    "schedule": "plateau",
    "patience": 8,
    "clip_grad": 2.0,
    "captions_per_video": "one",
    "twins": True,
}
DROP = {"word_dropout": 0.2, "video_dropout": 0.2}
WORDS = {"hidden": HIDDEN, "word_dim": 64}
DUAL = {
    **WORDS,
    "video_rnn": 64,
    "text_rnn": 64,
    "filters": 48,
    "video_kernels": [2, 3],
    "text_kernels": [2, 3],
    "mining": "all",
}
SAME = {"node_reduce": "mean", "video_bias": True, "mining": "all"}
HGR = {**WORDS, **DROP, **SAME}
CONCEPTS = {**WORDS, **DROP, "concept_sizes": [256, 128, 256], "mining": "all"}
MCSAN = {**CONCEPTS, "frame_width": HIDDEN, "feedforward": 2 * HIDDEN}
VSRNET = {"hidden": HIDDEN, "num_layers": 1, "heads": 4, "mlp_ratio": 2.0, "dropout": 0.1}
GRAPHVTR = {"hidden": 256, "members": 4, "inner": 512, "dropout": 0.3}
SHORT = {**TRAIN, "epochs": 16, "schedule": "cosine"}
"""GraphVTR starts from a closed form, and trains as its shipped configurations do: fewer epochs than the others get."""

BASELINES = {
    "VSE": ("vse", {**WORDS, "reduction": "mean"}, {}),
    "VSE++": ("vse++", {**WORDS, "reduction": "mean"}, {"warmup_epochs": 5}),
    "Dual Encoding": ("dual_encoding", DUAL, {}),
}
REASONING: dict[str, dict[str, Any]] = {"no_reasoning": {"normalization": "none"}} | {
    f"{normalization}, {affinity}": {"normalization": normalization, "affinity": affinity}
    for affinity in ("dot", "softplus", "exp")
    for normalization in ("row", "symmetric", "random_walk")
}
"""Table 3 of ViSERN with R as printed (``dot``) and made positive; whether batch norm and a gate help, tuning says."""
COMPONENTS: dict[str, dict[str, Any]] = {
    "HGR": {},
    "HGR without attention": {"attention": False},
    "HGR without roles": {"role_aware": False},
    "HGR without hierarchical video": {"hierarchical_video": False},
    "HGR with roles on edges": {"roles_on": "edges"},
    "HGR as R-GCN": {"roles_on": "relations"},
}
PARTS: dict[str, dict[str, Any]] = {
    "MCSAN": {},
    "MCSAN without R": {"relationship": False},
    "MCSAN without S": {"shared_heads": False, "distribution_weight": 0.0},
    "MCSAN without L": {"attribute_loss": "bce"},
}
OURS: dict[str, dict[str, Any]] = {
    "GraphVTR": {"relations": 6},
    "GraphVTR without relations": {},
    "GraphVTR without role graphs": {"graphs": False, "relations": 6},
    "GraphVTR without both": {"graphs": False},
}
PAIRS = CACHE / "scenes_own_pairs.jsonl"
"""The training clips' own captions that are wrong in one thing, which ``benchmarks/scenes.py`` writes."""


def _made(
    model: str,
    base: dict[str, Any],
    options: dict[str, dict[str, Any]],
    prefix: str = "",
    train: dict[str, Any] = TRAIN,
) -> list[Trial]:
    return [Trial(prefix + name, model, {**base, **changes}, train) for name, changes in options.items()]


STUDIES: dict[str, list[Trial]] = {
    "hgr": [
        *_made("hgr", HGR, COMPONENTS),
        *(Trial(name, model, options, {**TRAIN, **train}) for name, (model, options, train) in BASELINES.items()),
    ],
    "vsrnet": _made("vsrnet", VSRNET, PRESETS, "VSR-Net "),
    "visern": _made("visern", DUAL, REASONING, "ViSERN "),
    "mcsan": [Trial("HANet", "hanet", CONCEPTS, TRAIN), *_made("mcsan", MCSAN, PARTS)],
    "ours": [
        *_made("graphvtr", GRAPHVTR, OURS, train=SHORT),
        Trial(
            "GraphVTR with hard negatives",
            "graphvtr",
            {**GRAPHVTR, "relations": 6},
            {**SHORT, "negatives": str(PAIRS)},
        ),
        Trial("HGR, MiniLM", "hgr", {**DROP, **SAME, "hidden": HIDDEN, "text": "minilm"}, TRAIN),
    ],
}
"""A paper's rows; the baselines that HGR's tables have are in its study, HGR with GraphVTR's words is in ours."""

WHOLE = (
    "HGR",
    "VSE",
    "VSE++",
    "Dual Encoding",
    "HANet",
    "MCSAN",
    "VSR-Net full",
    "ViSERN random_walk, dot",
    "ViSERN random_walk, softplus",
    "GraphVTR",
)
"""Whole models, which are compared in what the unseen world costs them."""

CLAIMS: dict[str, tuple[tuple[str, str], ...]] = {
    "hgr": (
        ("HGR", "HGR without attention"),
        ("HGR", "HGR without roles"),
        ("HGR", "HGR without hierarchical video"),
        ("HGR", "HGR with roles on edges"),
        ("HGR", "HGR as R-GCN"),
        ("HGR", "VSE"),
        ("HGR", "VSE++"),
        ("HGR", "Dual Encoding"),
    ),
    "vsrnet": (
        *(("VSR-Net full", f"VSR-Net {name}") for name in PRESETS if name != "full"),
        ("VSR-Net VG+VR_s", "VSR-Net VG"),
        ("VSR-Net VG+VR_s", "VSR-Net VG+VR_m"),
    ),
    "visern": (
        ("ViSERN random_walk, dot", "ViSERN no_reasoning"),
        ("ViSERN random_walk, softplus", "ViSERN no_reasoning"),
        ("ViSERN random_walk, exp", "ViSERN no_reasoning"),
        ("ViSERN row, dot", "ViSERN no_reasoning"),
        ("ViSERN symmetric, dot", "ViSERN no_reasoning"),
        ("ViSERN random_walk, dot", "ViSERN symmetric, dot"),
        ("ViSERN random_walk, softplus", "ViSERN symmetric, softplus"),
        ("ViSERN random_walk, softplus", "ViSERN random_walk, dot"),
    ),
    "mcsan": (
        ("MCSAN", "MCSAN without R"),
        ("MCSAN", "MCSAN without S"),
        ("MCSAN", "MCSAN without L"),
        ("MCSAN", "HANet"),
        ("MCSAN", "HGR"),
    ),
    "ours": tuple(
        ("GraphVTR", other)
        for other in (*list(OURS)[1:], "GraphVTR with hard negatives", "HGR, MiniLM", "HGR", "VSR-Net full")
    ),
}
"""Which row should be ahead of which."""
