"""The curves of a training run, read back from its folder."""

from __future__ import annotations

from pathlib import Path

from graphvtr._optional import optional_import
from graphvtr.errors import DataError


def read_curves(run: str | Path) -> dict[str, list[float]]:
    """Name -> a value an epoch (``train/loss``, ``val/rsum``, ``val/t2v_R@1``, ``lr``, ...), from TensorBoard's files.

    A run that was resumed has several files; of an epoch that was logged twice the later value counts.

    Args:
        run: the folder of a run, with ``tensorboard/`` in it.

    Raises:
        DataError: no such folder, or nothing logged in it.
        MissingExtraError: TensorBoard is not installed.
    """
    folder = Path(run) / "tensorboard"
    if not folder.is_dir():
        raise DataError(folder, "no such folder", "give the folder of a run of graphvtr train")
    events = optional_import(
        "tensorboard.backend.event_processing.event_accumulator", "train", "reading the curves of a run"
    )
    values: dict[str, dict[int, float]] = {}
    for file in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: (path.stat().st_mtime_ns, path.name)):
        accumulator = events.EventAccumulator(str(file), size_guidance={events.SCALARS: 0})
        accumulator.Reload()
        for name in accumulator.Tags()["scalars"]:
            values.setdefault(name, {}).update({event.step: event.value for event in accumulator.Scalars(name)})
    curves = {name: [found[step] for step in sorted(found)] for name, found in values.items() if name != "epoch"}
    if not curves:
        raise DataError(folder, "holds no curves", "train an epoch first")
    return curves
