"""The README of a saved model, filled from its run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from graphvtr._version import __version__
from graphvtr.text import Vocabulary

COLUMNS = ("R@1", "R@5", "R@10", "MedR", "MnR")


def model_card(
    name: str,
    config: Mapping[str, Any],
    info: Mapping[str, Any],
    vocabulary: Vocabulary | None = None,
    evaluations: Sequence[Mapping[str, Any]] = (),
    training: str = "",
) -> str:
    """Markdown with the metadata block that the Hugging Face Hub reads.

    Args:
        name: registered name of the model.
        config: its constructor arguments.
        info: what its checkpoint says about the training; fields that are not there are said to be unknown.
        vocabulary: its words.
        evaluations: what :func:`graphvtr.tasks.to_json` gave for evaluations of this model.
        training: its configuration as YAML, shown as it is.

    Example:
        >>> card = model_card("hgr", {"hidden": 64}, {"dataset": "msvd", "scores": [10.0, 31.5]})
        >>> "validation rsum 31.5, after epoch 2 of 2" in card
        True
    """
    scores = list(info.get("scores") or ())
    lines = [
        "---",
        "library_name: graphvtr",
        "tags:",
        *(f"- {tag}" for tag in ("video-text-retrieval", "graph-neural-network", name)),
        "---",
        "",
        f"# {name}, trained on {_plain(info.get('dataset') or 'unknown data')}",
        "",
        "A video-text retrieval model of [graphvtr](https://pypi.org/project/graphvtr): it scores how well a caption "
        "fits a clip.",
        "",
        "```python",
        "import graphvtr",
        "",
        'model = graphvtr.load("THIS FOLDER OR REPOSITORY")',
        "model.vocabulary, model.info  # its words, its training",
        "```",
        "",
        "## Training",
        "",
        f"- data: {_plain(info.get('dataset') or 'unknown')}; captions parsed by: "
        f"{_plain(info.get('parser') or 'not recorded: the graphs of the data, or the default parser')}",
        f"- frame features: {_plain(info.get('featurizer') or 'unknown')}, "
        f"{_plain(info.get('video_dim') or 'unknown')} wide",
        f"- vocabulary: {len(vocabulary)} words" if vocabulary is not None else "- vocabulary: none in this folder",
        f"- validation rsum {max(scores):.1f}, after epoch {scores.index(max(scores)) + 1} of {len(scores)}"
        if scores
        else "- validation scores: unknown",
        *(
            f"- resumed after epoch {_plain(change.get('epoch'))} ({_plain(change.get('time'))}) with "
            f"{_plain(change.get('option'))} {_plain(change.get('from'))} → {_plain(change.get('to'))}"
            for change in info.get("changes") or ()
        ),
        f"- graphvtr {_plain(info.get('version') or __version__)}",
        "",
        "Options of the model:",
        "",
        "```json",
        json.dumps({key: _short(value) for key, value in config.items()}, indent=1),
        "```",
        "",
    ]
    if training:
        lines += ["Configuration of the run:", "", "```yaml", training.replace("```", "'''").rstrip(), "```", ""]
    lines += ["## Results", "", *(_results(evaluations) or ["None were recorded when this card was written."]), ""]
    lines += [
        "## Limits",
        "",
        "The model knows what its training captions and clips showed, with their biases, and expects frame features "
        "of the same kind. Scores rank clips of one collection; they are no probabilities. The licence of the "
        "training data and of the features may restrict the use of the weights: name it here before you publish them.",
        "",
    ]
    return "\n".join(lines)


def _short(value: Any) -> Any:
    """An option as it is, but for vocabularies: how many entries their lists have."""
    if not isinstance(value, Mapping) or len(json.dumps(value)) < 200:
        return value
    return {
        key: f"{len(one)} entries, in config.json" if isinstance(one, (list, dict)) else one
        for key, one in value.items()
    }


def _results(evaluations: Sequence[Mapping[str, Any]]) -> list[str]:
    if not evaluations:
        return []
    lines = [
        "Two-sided 95 % bootstrap intervals of rsum; recalls in per cent.",
        "",
        f"| data | direction | {' | '.join(COLUMNS)} | rsum |",
        f"|---|---|{'---|' * (len(COLUMNS) + 1)}",
    ]
    for found in evaluations:
        rsum = found["rsum"]
        for key, title in (("t2v", "text → video"), ("v2t", "video → text")):
            cells = [f"{found[key][column]['value']:.1f}" if column in found[key] else "" for column in COLUMNS]
            both = f"{rsum['value']:.1f} [{rsum['low']:.1f}, {rsum['high']:.1f}]" if key == "v2t" else ""
            lines.append(
                f"| {_plain(found['dataset'])}/{_plain(found['split'])} | {title} | {' | '.join(cells)} | {both} |"
            )
    return lines


def _plain(value: object) -> str:
    """Text that cannot break out of a line or a table cell, or start markup."""
    text = " ".join(str(value).split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in text)
