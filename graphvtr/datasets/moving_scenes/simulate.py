"""A script in motion: where every thing stands in every frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from graphvtr.datasets.moving_scenes.actions import MOTIONS, Paths
from graphvtr.datasets.moving_scenes.script import Event, Script, redraw_details
from graphvtr.datasets.moving_scenes.stage import Array, Order, Path, in_zone
from graphvtr.datasets.moving_scenes.world import DIRECTION_STEP, MANNER_PACE, SIZE_RADIUS

ATTEMPTS, EVENT_ATTEMPTS = 12, 8
"""Layouts of a clip, and of one event given the earlier ones, that are tried before the script is changed."""

ROUNDS = 40
"""Changes of directions, positions, manners and sizes before the least faulty layout is taken."""

APART = ("chase", "follow", "push", "pull", "hit", "orbit", "pass")
"""Actions whose agent and patient must not run through each other."""

CLEARANCE, TOUCHING = 0.015, 0.85
"""Least gap between strangers, and least distance, in sums of radii, of things that have touched in an event."""

DRIFT = 0.03
"""How far a bystander wanders about its place, in fractions of the frame."""


@dataclass(frozen=True)
class Motion:
    """All things of a clip over its T frames, in fractions of the frame.

    Args:
        xy: [T, N, 2], ground points (a height draws a thing above its own).
        height: [T, N].
        angle: [T, N] radians.
        layer: [T, N], drawing order, low first.
        rope: [T, 2], things tied together in a frame, -1 for none.
        fault: how much the layout breaks the rules (outside the frame, overlaps); 0 when it keeps them.
    """

    xy: Array
    height: Array
    angle: Array
    layer: NDArray[np.int64]
    rope: NDArray[np.int64]
    fault: float

    def copy(self) -> Motion:
        """The same motion in arrays of its own."""
        return replace(
            self,
            xy=self.xy.copy(),
            height=self.height.copy(),
            angle=self.angle.copy(),
            layer=self.layer.copy(),
            rope=self.rope.copy(),
        )

    @property
    def drawn(self) -> Array:
        """[T, N, 2], centres as drawn."""
        out = self.xy.copy()
        out[..., 1] -= self.height
        return out


def event_frames(script: Script, num_frames: int) -> list[range]:
    """The frames of each event: all of them, or the halves of the clip."""
    if len(script.events) == 1:
        return [range(num_frames)]
    return [range(num_frames // 2), range(num_frames // 2, num_frames)]


def stage(script: Script, num_frames: int) -> tuple[Script, Motion]:
    """``script``, with directions, positions, manners and sizes drawn anew until its things find room to move,
    and its motion.

    Who does what to whom stays as it is. The motion is without fault, but for a few in ten thousand.
    """
    rng = np.random.default_rng([script.seed, 1])
    best: tuple[Script, Motion] | None = None
    for _ in range(ROUNDS):
        motion = simulate(script, num_frames)
        if best is None or motion.fault < best[1].fault:
            best = script, motion
        if motion.fault == 0:
            break
        script = redraw_details(rng, script)
    assert best is not None
    return best


def simulate(script: Script, num_frames: int) -> Motion:
    """Move the things of ``script`` over ``num_frames`` frames; the same script moves the same way."""
    rng = np.random.default_rng(script.seed)
    radius = np.array([SIZE_RADIUS[thing.size] for thing in script.things])
    best: Motion | None = None
    for _ in range(ATTEMPTS):
        motion = _act(script, num_frames, radius, rng)
        if best is None or motion.fault < best.fault:
            best = motion
        if best.fault == 0:
            break
    assert best is not None
    _place_bystanders(script, best, radius, rng)
    return best


def _act(script: Script, num_frames: int, radius: Array, rng: Generator) -> Motion:
    """One layout: each event is tried a few times, going on from where the earlier ones have ended."""
    count = len(script.things)
    motion = Motion(
        xy=np.full((num_frames, count, 2), np.nan),
        height=np.zeros((num_frames, count)),
        angle=np.zeros((num_frames, count)),
        layer=np.zeros((num_frames, count), dtype=np.int64),
        rope=np.full((num_frames, 2), -1),
        fault=0.0,
    )
    total = 0.0
    spans = event_frames(script, num_frames)
    for number, (event, frames) in enumerate(zip(script.events, spans, strict=True)):
        best: tuple[float, Motion] | None = None
        for _ in range(EVENT_ATTEMPTS):
            candidate = motion.copy()
            fault = _act_out(event, frames, candidate, radius, rng)
            # overlaps cost more to find than all the rest: look for them only where nothing else is wrong
            fault += _overlap_fault(script, number, candidate, radius, spans) if fault == 0 else 1.0
            if best is None or fault < best[0]:
                best = fault, candidate
            if fault == 0:
                break
        assert best is not None
        total, motion = total + best[0], best[1]
    return replace(motion, fault=total)


def _act_out(event: Event, frames: range, motion: Motion, radius: Array, rng: Generator) -> float:
    """Write one event into ``motion``; returns how much its participants break the rules."""
    length, first = len(frames), frames.start == 0
    # a later event begins with the pose before its first frame, so that nothing stands still in between
    time = np.linspace(0, 1, length) if first else np.arange(length + 1) / length
    previous = None if first else motion.xy[frames.start - 1]
    order = Order(
        rng=rng,
        time=time,
        radius={role: float(radius[index]) for role, index in event.cast.items()},
        start={role: _standing(previous, index) for role, index in event.cast.items()},
        step=np.array(DIRECTION_STEP[event.direction]) if event.direction else None,
        pace=MANNER_PACE[event.manner] if event.manner else 1.0,
        position=event.position,
    )
    paths = MOTIONS[event.action](order)
    for role, index in event.cast.items():
        _record(motion, index, paths[role], frames, first)
    for one, other, tied in order.ropes:
        motion.rope[frames.start : frames.stop][tied[-length:]] = (event.cast[one], event.cast[other])
    return _own_fault(event, paths, order)


def _standing(previous: Array | None, index: int) -> Array | None:
    if previous is None or np.isnan(previous[index, 0]):
        return None
    return previous[index].copy()


def _record(motion: Motion, index: int, path: Path, frames: range, first: bool) -> None:
    """Write a path into its frames, its first pose before them if the thing is new, its last one after them."""
    new = bool(np.isnan(motion.xy[0, index, 0]))
    own = slice(0 if first else 1, None)
    for field, values in ((motion.xy, path.xy), (motion.height, path.height), (motion.angle, path.angle)):
        if new:
            field[: frames.start, index] = values[0]
        field[frames.start : frames.stop, index] = values[own]
        field[frames.stop :, index] = values[-1]
    motion.layer[frames.start :, index] = path.layer
    if new:
        motion.layer[: frames.start, index] = path.layer


def _own_fault(event: Event, paths: Paths, order: Order) -> float:
    """Distance by which participants leave the frame, run through each other or miss their zone."""
    fault = 0.0
    for role, path in paths.items():
        if event.action in ("enter", "leave"):
            continue
        margin = 0.85 * order.radius[role]
        drawn = path.drawn
        fault += float(np.clip(margin - drawn, 0, None).sum() + np.clip(drawn - 1 + margin, 0, None).sum())
    if event.action in APART:
        gap = np.linalg.norm(paths["agent"].drawn - paths["patient"].drawn, axis=1)
        fault += float(np.clip(0.9 * order.contact - gap, 0, None).sum())
    if event.position is not None and not in_zone(paths["agent"].xy[0], event.position):
        fault += 1.0
    return fault


def _overlap_fault(script: Script, number: int, motion: Motion, radius: Array, spans: list[range]) -> float:
    """Depth by which things overlap that do not act on each other then, among events up to ``number``."""
    known = [index for index in script.actors if not np.isnan(motion.xy[0, index, 0])]
    drawn = motion.drawn[:, known]
    gap = np.linalg.norm(drawn[:, :, None] - drawn[:, None], axis=-1)  # [T, A, A]
    contact = radius[known][:, None] + radius[known][None]
    needed = np.broadcast_to(contact + CLEARANCE, gap.shape).copy()
    for event, frames in zip(script.events[: number + 1], spans, strict=False):
        here = np.ix_(*[[known.index(index) for index in event.cast.values()]] * 2)
        others = {index for e in script.events[: number + 1] if e is not event for index in e.cast.values()}
        if others.isdisjoint(event.cast.values()):
            needed[:, here[0], here[1]] = 0  # before and after they stand as the event begins and ends
        else:
            needed[:, here[0], here[1]] = np.minimum(needed[:, here[0], here[1]], TOUCHING * contact[here])
            needed[frames.start : frames.stop, here[0], here[1]] = 0
    needed[:, range(len(known)), range(len(known))] = 0
    return float(np.clip(needed - gap, 0, None).sum())


def _place_bystanders(script: Script, motion: Motion, radius: Array, rng: Generator) -> None:
    """Put bystanders, which wander a little, where they are clear of everything else as far as there is room."""
    num_frames = len(motion.xy)
    time = np.linspace(0, 1, num_frames)
    placed = list(script.actors)
    for index in script.bystanders:
        margin = radius[index] + DRIFT
        spots = rng.uniform(margin, 1 - margin, size=(64, 2))
        phase = rng.uniform(0, 2 * np.pi, size=2)
        sway = DRIFT * np.sin(np.pi * time[:, None] + phase)  # [T, 2]
        drawn = motion.drawn[:, placed]
        gap = np.linalg.norm((spots[:, None] + sway)[:, :, None] - drawn[None], axis=-1)  # [64, T, placed]
        clear = (gap - radius[placed] - radius[index]).min(axis=(1, 2))
        good = np.flatnonzero(clear > 0.02)
        chosen = good[0] if len(good) else int(clear.argmax())
        motion.xy[:, index] = spots[chosen] + sway
        motion.layer[:, index] = -2
        placed.append(index)
