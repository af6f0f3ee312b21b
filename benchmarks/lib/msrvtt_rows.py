"""The models of the tables of MSR-VTT, with the settings that every row begins its search with."""

from __future__ import annotations

from typing import Any

from benchmarks.lib.trial import Trial, small

TRAIN = {
    "epochs": 60,
    "batch_size": 128,
    "lr": 1e-3,
    "clip_grad": 2.0,
    "captions_per_video": "one",
    "patience": 8,
    "schedule": "plateau",
}
HIDDEN = 512
DROP = {"word_dropout": 0.2, "video_dropout": 0.2}
DUAL = {"hidden": HIDDEN, "video_rnn": 256, "text_rnn": 256, "filters": 128, "mining": "all"}
CONCEPTS = {"hidden": HIDDEN, "mining": "all", "concept_sizes": [512, 256, 256], **DROP}
# rows are named as in scenes_rows.py: claims.py finds a claim by the names of its rows
STEADY = {"batch_norm": True, "zero_init": True}
VISERN: dict[str, dict[str, Any]] = {
    "no_reasoning": {"normalization": "none"},
    "row, dot": {"normalization": "row", **STEADY},
    "symmetric, dot": {"normalization": "symmetric", **STEADY},
    "random_walk, dot": {"normalization": "random_walk", **STEADY},
}
VSRNET: dict[str, dict[str, Any]] = {
    "VG": {"relations": "none"},
    "VG+VR_m": {"relations": "mean"},
    "VG+VR_s": {"relations": "spatial"},
}
GRAPHVTR = Trial(
    "GraphVTR",
    "graphvtr",
    {"hidden": 256, "members": 4, "inner": 512, "dropout": 0.3, "graphs": False, "bag": 3000, "hubs": "videos"},
    {**TRAIN, "epochs": 30, "schedule": "cosine", "batch_size": 256, "patience": 10},
)


def rows(words: str, regions: bool = False) -> dict[str, Trial]:
    """The papers' models and their baselines.

    Args:
        words: ``"glove"`` or ``"minilm"``: what all of them read with.
        regions: those that need regions, instead of those that do not.
    """
    read = {"word_dim": 50} if words == "glove" else {"text": "minilm"}
    frames = (
        Trial("HGR", "hgr", {"hidden": HIDDEN, "node_reduce": "mean", "mining": "all", **DROP, **read}, TRAIN),
        Trial("VSE", "vse", {"hidden": HIDDEN, "reduction": "mean", **read}, TRAIN),
        Trial("VSE++", "vse++", {"hidden": HIDDEN, "reduction": "mean", **read}, {**TRAIN, "warmup_epochs": 5}),
        Trial("Dual Encoding", "dual_encoding", {**DUAL, **read}, TRAIN),
        Trial("MCSAN", "mcsan", {**CONCEPTS, "frame_width": 256, "feedforward": 512, **read}, TRAIN),
        Trial("HANet", "hanet", {**CONCEPTS, **read}, TRAIN),
    )
    vsrnet = {"hidden": 256, "num_layers": 2, "heads": 4, "mlp_ratio": 2.0, "dropout": 0.1}
    of_regions = (
        *(Trial(f"ViSERN {name}", "visern", {**DUAL, **options, **read}, TRAIN) for name, options in VISERN.items()),
    )
    if words == "minilm":  # VSR-Net reads nothing else
        of_regions += tuple(
            Trial(f"VSR-Net {name}", "vsrnet", {**vsrnet, **options}, TRAIN) for name, options in VSRNET.items()
        )
    return {trial.name: trial for trial in (of_regions if regions else frames)}


def all_rows(words: str, regions: bool = False, quick: bool = False) -> dict[str, Trial]:
    """Those of :func:`rows`, and before them GraphVTR on frames; small ones for a quick run."""
    found = rows(words, regions)
    if not regions and words == "minilm":
        found = {GRAPHVTR.name: GRAPHVTR, **found}
    return {name: small(trial) for name, trial in found.items()} if quick else found
