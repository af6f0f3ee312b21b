"""The rows of the papers' tables as recipes: which configuration, with what on top, answers to which printed row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["retrieval", "levels", "cross", "binary", "complexity"]


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Args:
        system: its name in ``benchmarks/published``.
        recipe: shipped configuration it is trained by; empty for a row that is printed only.
        options: model options on top of it.
        why: why there is no recipe.
    """

    system: str
    recipe: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True)
class Block:
    """The rows of a table on one dataset.

    Args:
        dataset, split: as ``benchmarks/published`` names them.
        data: the dataset the rows are trained and tested on.
        rows: in the table's order.
        kind: what is measured: retrieval; each level alone; retrieval on another dataset; binary selection; parameters
            and FLOPs.
        test: the dataset of a ``cross`` or ``binary`` table.
    """

    dataset: str
    split: str
    data: str
    rows: tuple[Row, ...]
    kind: Kind = "retrieval"
    test: str = ""


ELSEWHERE = "cited from its own paper; not one of this library's systems"
NAMES = {
    "VSE": "vse",
    "VSE++": "vse++",
    "JEMC": "jemc",
    "Mithun et al.": "jemc",
    "W2VV": "w2vv",
    "W2VV++": "w2vv++",
    "Dual Encoding": "dual_encoding",
    "ViSERN": "visern",
    "HGR": "hgr",
    "VSR-Net": "vsrnet",
    "MCSAN": "mcsan",
    "HANet": "hanet",
    "CE": "ce",
    "DeViSE": "devise",
    "Order": "order",
    "Corr-AE": "corr_ae",
    "PVSE": "pvse",
}
"""System, as printed -> the prefix of its recipes."""
OF_VISERN = {
    "ViSERN, no_reasoning": "none",
    "ViSERN, row": "row",
    "ViSERN, symmetric": "symmetric",
    "ViSERN": "random_walk",
}
OF_HGR: dict[str, dict[str, Any]] = {
    "HGR, without graph attention": {"attention": False},
    "HGR, without role awareness": {"role_aware": False},
    "HGR, without hierarchical video": {"hierarchical_video": False},
    "HGR": {},
}
OF_VSRNET: dict[str, dict[str, Any]] = {
    "VSR-Net, VG": {"relations": "none"},
    "VSR-Net, VR_st": {"global_branch": False},
    "VSR-Net, VG + VR_m": {"relations": "mean"},
    "VSR-Net, VG + VR_s": {"relations": "spatial"},
    "VSR-Net, VG + VR_t": {"relations": "temporal"},
    "VSR-Net": {},
}
OF_MCSAN: dict[str, dict[str, Any]] = {
    "MCSAN, without relationships": {"relationship": False},
    "MCSAN, without statistical constraints": {"shared_heads": False, "distribution_weight": 0.0},
    "MCSAN, without FBCE": {"attribute_loss": "bce"},
    "MCSAN": {},
}


def _rows(data: str, *systems: str) -> tuple[Row, ...]:
    """A row for each system, by its recipe for the dataset where it has one."""
    return tuple(
        Row(system, f"{NAMES[system]}_{data}") if system in NAMES else Row(system, why=ELSEWHERE) for system in systems
    )


def _variants(recipe: str, options: Mapping[str, Mapping[str, Any]]) -> tuple[Row, ...]:
    return tuple(Row(system, recipe, chosen) for system, chosen in options.items())


FULL = ("MSR-VTT", "full", "msrvtt")
TABLES: dict[tuple[str, str], tuple[Block, ...]] = {
    ("visern", "1"): (Block(*FULL, _rows("msrvtt", "VSE", "VSE++", "JEMC", "W2VV", "Dual Encoding", "ViSERN")),),
    ("visern", "2"): (Block("MSVD", "test", "msvd", _rows("msvd", "VSE", "VSE++", "JEMC", "Dual Encoding", "ViSERN")),),
    ("visern", "3"): (
        Block(*FULL, _variants("visern_msrvtt", {name: {"normalization": kind} for name, kind in OF_VISERN.items()})),
    ),
    ("hgr", "1"): (Block(*FULL, _rows("msrvtt", "VSE", "VSE++", "Mithun et al.", "W2VV", "Dual Encoding", "HGR")),),
    ("hgr", "2"): (
        Block(
            "Youtube2Text",
            "test, trained on MSR-VTT",
            "msrvtt",
            _rows("msrvtt", "VSE", "VSE++", "Dual Encoding", "HGR"),
            "cross",
            "youtube2text",
        ),
    ),
    ("hgr", "3"): (
        Block("TGIF", "test", "tgif", _rows("tgif", "DeViSE", "VSE++", "Order", "Corr-AE", "PVSE", "HGR")),
        Block("VATEX", "test", "vatex", _rows("vatex", "VSE", "VSE++", "Dual Encoding", "HGR")),
    ),
    ("hgr", "4"): (Block(*FULL, _variants("hgr_msrvtt", OF_HGR)),),
    ("hgr", "5"): (Block(*FULL, _rows("msrvtt", "HGR"), "levels"),),
    ("hgr", "6"): (
        Block(
            "Youtube2Text",
            "binary selection",
            "msrvtt",
            _rows("msrvtt", "VSE++", "Dual Encoding", "HGR"),
            "binary",
            "youtube2text",
        ),
    ),
    ("vsrnet", "1"): (Block("MSR-VTT", "1k-A (9k train)", "msrvtt_1ka", _variants("vsrnet_msrvtt_1ka", OF_VSRNET)),),
    ("vsrnet", "2"): (
        Block(
            "MSR-VTT",
            "1k-A (7k train)",
            "msrvtt_1ka_7k",
            (
                *(Row(system, why=ELSEWHERE) for system in ("Miech et al.", "STG", "TCE")),
                Row("Dual Encoding", "dual_encoding_msrvtt"),
                Row("VSR-Net", "vsrnet_msrvtt_1ka_7k"),
            ),
        ),
        Block(
            "MSR-VTT",
            "1k-A (9k train)",
            "msrvtt_1ka",
            _rows("msrvtt_1ka", "CE", "MMT", "SUPPORT-SET", "T2VLAD", "VSR-Net"),
        ),
    ),
    ("vsrnet", "3"): (
        Block("MSVD", "test", "msvd", _rows("msvd", "Mithun et al.", "CE", "ViSERN", "SUPPORT-SET", "VSR-Net")),
    ),
    ("vsrnet", "4"): (
        Block(
            "",
            "",
            "",
            (Row("MMT", why=ELSEWHERE), Row("Dual Encoding", "dual_encoding"), Row("VSR-Net", "vsrnet")),
            "complexity",
        ),
    ),
    ("vsrnet", "5"): (
        Block(*FULL, _rows("msrvtt", "STG", "HGR", "Dual Encoding", "T2VLAD", "VSR-Net")),
        Block(
            "MSR-VTT",
            "1k-B",
            "msrvtt_1kb",
            (
                Row("CE", "ce_msrvtt_1ka"),
                Row("MMT", why=ELSEWHERE),
                Row("Dual Encoding", "dual_encoding_msrvtt"),
                Row("T2VLAD", why=ELSEWHERE),
                Row("VSR-Net", "vsrnet_msrvtt_1kb"),
            ),
        ),
    ),
    ("mcsan", "1"): (
        Block(
            *FULL,
            _rows(
                "msrvtt",
                "VSE",
                "VSE++",
                "Mithun et al.",
                "W2VV",
                "Dual Encoding",
                "TCE",
                "Zhao et al.",
                "HGR",
                "HANet",
                "HSL",
                "MCSAN",
            ),
        ),
    ),
    ("mcsan", "2"): (
        Block(
            "VATEX",
            "test",
            "vatex",
            _rows("vatex", "W2VV", "VSE++", "CE", "W2VV++", "Dual Encoding", "HGR", "HSL", "HANet", "MCSAN"),
        ),
    ),
    ("mcsan", "3"): (Block(*FULL, _variants("mcsan_msrvtt", OF_MCSAN)),),
}
"""(paper, table) -> what it is made of."""
ON_MSVD = Block(
    "MSVD", "test", "msvd", _variants("vsrnet_msvd", {name: OF_VSRNET[name] for name in ("VSR-Net", "VSR-Net, VG")})
)
"""Figure 4 of VSR-Net: what relations change on MSVD, of which Table 3 has the full model alone."""
