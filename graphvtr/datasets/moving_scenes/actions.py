"""One trajectory generator per action: an :class:`Order` in, a path per participant out.

A generator takes the starting points it is given and chooses the rest, so that the same code serves a clip's
first event and a second one that goes on from where the first has ended.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphvtr.datasets.moving_scenes.stage import Array, Order, Path, approach, normal, ramp, unit, walk
from graphvtr.registry import Registry

Paths = dict[str, Path]
MOTIONS: Registry[Callable[[Order], Paths]] = Registry("motion")

RIGHT = np.array([1.0, 0.0])


@MOTIONS.register("travel")
def travel(order: Order) -> Paths:
    """The agent moves straight on."""
    way = order.heading * 0.62 * order.pace
    start = order.start["agent"]
    start = order.spot(way) if start is None else start
    return {"agent": Path.along(start + ramp(order.time, 0, 1)[:, None] * way)}


@MOTIONS.register("jump")
def jump(order: Order) -> Paths:
    """Two hops on the spot."""
    start = order.start["agent"]
    start = order.spot(lowest=0.4) if start is None else start
    return {"agent": Path.along(np.tile(start, (len(order.time), 1)), 0.2 * np.abs(np.sin(2 * np.pi * order.time)))}


@MOTIONS.register("dance")
def dance(order: Order) -> Paths:
    """Two swings from side to side, leaning into each."""
    start = order.start["agent"]
    start = order.spot() if start is None else start
    swing = np.sin(4 * np.pi * order.time)
    return {"agent": Path.along(start + swing[:, None] * RIGHT * 0.07, angle=0.6 * swing)}


@MOTIONS.register("enter")
def enter(order: Order) -> Paths:
    """From beyond the edge to a point well inside."""
    step, margin = order.heading, order.radius["agent"] + 0.03
    end = order.spot(-0.2 * step)
    edge = np.where(step > 0, -margin, 1 + margin)
    begin = np.where(step != 0, edge, end)
    return {"agent": Path.along(walk(order.time, [(0.0, begin), (0.85, end)]))}


@MOTIONS.register("leave")
def leave(order: Order) -> Paths:
    """Straight out over the edge."""
    step, margin = order.heading, order.radius["agent"] + 0.03
    start = order.start["agent"]
    start = order.spot(0.35 * step) if start is None else start
    edge = np.where(step > 0, 1 + margin, -margin)
    end = np.where(step != 0, edge, start)
    return {"agent": Path.along(walk(order.time, [(0.0, start), (0.9, end)]))}


@MOTIONS.register("chase")
def chase(order: Order) -> Paths:
    """The patient flees in a zigzag, the agent comes closer and closer behind it."""
    gap, length = 0.14 + order.contact, 0.42 * order.pace
    step = order.random_step()
    agent, patient = order.couple(-gap * step, (gap + length) * step)
    gap = float(np.hypot(*(patient - agent)))
    step = unit(patient - agent, step)
    side, time = normal(step), order.time[:, None]
    zigzag = 0.07 * np.sin(3 * np.pi * time)
    late = 0.07 * np.sin(3 * np.pi * np.clip(time - 0.15, 0, None)) * ramp(order.time, 0, 0.3)[:, None]
    fled = patient + step * length * time + side * zigzag
    behind = gap + (order.contact + 0.02 - gap) * time
    caught = patient + step * (length * time - behind) + side * late
    return {"agent": Path.along(caught), "patient": Path.along(fled)}


@MOTIONS.register("follow")
def follow(order: Order) -> Paths:
    """The patient leads along an arc, the agent keeps its distance on the same way."""
    gap, length, bend = order.contact + 0.1, 0.5 * order.pace, 0.32
    step = order.random_step()
    agent, patient = order.couple(-gap * step, (gap + 0.7 * length) * step)
    gap = float(np.hypot(*(patient - agent)))
    step = unit(patient - agent, step)
    side = normal(step) * order.rng.choice([-1.0, 1.0])

    def on_way(arc: Array) -> Array:  # arc [F], length gone from the agent's starting point -> [F, 2]
        turn = (np.clip(arc - gap, 0, None) / bend)[:, None]
        return agent + np.minimum(arc, gap)[:, None] * step + bend * (np.sin(turn) * step + (1 - np.cos(turn)) * side)

    gone = length * order.time
    return {"agent": Path.along(on_way(gone)), "patient": Path.along(on_way(gone + gap))}


@MOTIONS.register("push")
def push(order: Order) -> Paths:
    """The agent comes from behind, and both move on in touch."""
    step, way = order.heading, order.heading * 0.38 * order.pace
    agent, patient = order.couple(-(order.contact + 0.14) * step, (order.contact + 0.14) * step + way)
    stops = approach(agent, patient - order.contact * step, patient, order.contact)
    begin = stops[-1][0]
    moved = ramp(order.time, begin, 1)[:, None] * way
    pushing = walk(order.time, stops) + moved
    return {"agent": Path.along(pushing), "patient": Path.along(patient + moved)}


@MOTIONS.register("pull")
def pull(order: Order) -> Paths:
    """The agent goes in front, a rope goes taut, and both move on."""
    step, way = order.heading, order.heading * 0.38 * order.pace
    length = order.contact + 0.1
    agent, patient = order.couple(length * step, way, way - length * step)
    stops = approach(agent, patient + length * step, patient, order.contact)
    begin = stops[-1][0]
    moved = ramp(order.time, begin, 1)[:, None] * way
    order.ropes.append(("agent", "patient", (order.time >= begin - 1e-9) & (order.time > 0)))
    return {"agent": Path.along(walk(order.time, stops) + moved), "patient": Path.along(patient + moved)}


@MOTIONS.register("hit")
def hit(order: Order) -> Paths:
    """The agent runs into the patient and bounces back; the patient is knocked away."""
    step = order.random_step()
    gap = order.contact + 0.26
    agent, patient = order.couple(-gap * step, (gap + 0.22) * step)
    step = unit(patient - agent, step)
    touch = patient - order.contact * step
    rush = walk(order.time, [(0.0, agent), (0.42, touch), (0.75, touch - 0.12 * step)])
    slide = 1 - (1 - ramp(order.time, 0.42, 1.0)) ** 2
    return {"agent": Path.along(rush), "patient": Path.along(patient + slide[:, None] * 0.24 * step)}


@MOTIONS.register("orbit")
def orbit(order: Order) -> Paths:
    """The agent goes round the patient, which stays."""
    reach, turns = order.contact + 0.05, 0.25 + order.pace
    toward = order.random_step()
    agent, patient = order.couple(toward * reach, toward * -2 * reach)
    out = unit(agent - patient, RIGHT)
    begin = 0.25 if np.hypot(*(agent - patient)) > reach + 0.02 else 0.0
    spin = order.rng.choice([-1.0, 1.0]) * 2 * np.pi * turns * ramp(order.time, begin, 1)
    angle = np.arctan2(out[1], out[0]) + spin
    distance = np.hypot(*(agent - patient)) + (reach - np.hypot(*(agent - patient))) * ramp(order.time, 0, begin)
    ring = distance[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return {"agent": Path.along(patient + ring), "patient": Path.along(np.tile(patient, (len(angle), 1)))}


@MOTIONS.register("pass")
def overtake(order: Order) -> Paths:
    """Both go the same way; the agent, faster, comes from behind and ends ahead."""
    step = order.random_step()
    side = normal(step) * order.rng.choice([-1.0, 1.0])
    before = order.contact + 0.02 + 0.12 * order.pace
    drift, lane = 0.14 * order.pace * step, (order.contact + 0.02) * side
    agent, patient = order.couple(lane - before * step, 2 * before * step + drift, before * step - lane + drift)
    step_now = unit(patient + lane - agent, step)
    if np.dot(step_now, step) < 0.9:  # both stood already: go past on the nearer side
        step = unit(patient - agent, step)
        side = normal(step) * order.rng.choice([-1.0, 1.0])
        drift, lane = 0.14 * order.pace * step, (order.contact + 0.02) * side
    stops = [(0.0, agent), (0.5, patient + drift / 2 + lane), (1.0, patient + drift + lane + before * step)]
    return {"agent": Path.along(walk(order.time, stops)), "patient": Path.along(patient + order.time[:, None] * drift)}


@MOTIONS.register("carry")
def carry(order: Order) -> Paths:
    """The agent takes the patient on top, goes on with it and sets it down ahead."""
    way = order.heading * 0.46 * order.pace
    agent, patient, begin, on_top = _pick_up(order, way)
    moved = ramp(order.time, begin, 0.75)[:, None] * way
    down = ramp(order.time, 0.75, 1.0)
    ahead = down[:, None] * way / np.hypot(*way) * (order.contact + 0.08)
    return {
        "agent": Path.along(agent + moved),
        "patient": Path.along(patient + moved + ahead, on_top * (1 - down), layer=1),
    }


@MOTIONS.register("lift")
def lift(order: Order) -> Paths:
    """The agent takes the patient on top and rises with it."""
    agent, patient, begin, on_top = _pick_up(order, np.zeros(2), lowest=0.66)
    up = 0.34 * ramp(order.time, begin, 0.95)
    return {"agent": Path.along(agent, up), "patient": Path.along(patient, on_top + up, layer=1)}


def _pick_up(order: Order, way: Array, lowest: float = 0.3) -> tuple[Array, Array, float, Array]:
    """Agent's and patient's ground points, when the patient is on top, and its height over the agent."""
    side = order.random_step() * (order.contact + 0.08)
    agent, patient = order.couple(side, way - side, lowest=lowest)
    begin = float(np.clip(np.hypot(*(patient - agent)), 0.25, 0.45))
    points = walk(order.time, [(0.0, agent), (begin, patient)])
    on_top = 0.95 * order.contact * ramp(order.time, begin * 0.3, begin)
    return points, np.tile(patient, (len(order.time), 1)), begin, on_top


@MOTIONS.register("drop")
def drop(order: Order) -> Paths:
    """The patient, held under the agent in the air, falls and bounces once."""
    agent, patient = order.couple(np.zeros(2), lowest=0.76)
    fall = 1 - ramp(order.time, 0.2, 0.6) ** 2
    bounce = 0.09 * np.sin(np.pi * ramp(order.time, 0.6, 0.9))
    count = len(order.time)
    above = 0.3 + 0.95 * order.contact
    return {
        "agent": Path.along(np.tile(agent, (count, 1)), above, layer=1),
        "patient": Path.along(np.tile(patient, (count, 1)), 0.3 * fall + bounce),
    }


@MOTIONS.register("jump over")
def jump_over(order: Order) -> Paths:
    """The agent leaps over the patient from one side to the other."""
    step = RIGHT * order.rng.choice([-1.0, 1.0])
    gap = order.contact + 0.1
    agent, patient = order.couple(-gap * step, 2 * gap * step, lowest=0.45)
    if np.dot(patient - agent, step) < 0:
        step = -step
    stops = approach(agent, patient - gap * step, patient, order.contact)
    begin = stops[-1][0]
    hop = ramp(order.time, begin, 0.92)
    height = 4 * hop * (1 - hop) * (order.contact + 0.1)
    ground = walk(order.time, [*stops, (0.92, patient + gap * step)])
    return {
        "agent": Path.along(ground, height, layer=1),
        "patient": Path.along(np.tile(patient, (len(hop), 1))),
    }


@MOTIONS.register("hide")
def hide(order: Order) -> Paths:
    """The agent goes behind the patient and is no longer seen."""
    agent, patient = order.couple((order.contact + 0.2) * order.random_step())
    ground = walk(order.time, [(0.0, agent), (0.7, patient)])
    return {"agent": Path.along(ground, layer=-1), "patient": Path.along(np.tile(patient, (len(ground), 1)))}


@MOTIONS.register("give")
def give(order: Order) -> Paths:
    """The agent brings the patient to the recipient, who keeps it; the agent goes back."""
    step = order.random_step()
    recipient, near = _recipient(order, step, 0.3)
    count, held = len(order.time), order.contact * 0.92
    far = near - 0.3 * step
    ground = walk(order.time, [(0.0, far), (0.5, near), (0.62, near), (1.0, near - 0.2 * step)])
    taken = ramp(order.time, 0.62, 1.0)[:, None] * 0.1 * step
    brought = walk(order.time, [(0.0, far), (0.5, near)]) + held * step
    return {
        "agent": Path.along(ground),
        "patient": Path.along(brought + taken, layer=1),
        "recipient": Path.along(np.tile(recipient, (count, 1)) + taken),
    }


@MOTIONS.register("throw")
def throw(order: Order) -> Paths:
    """The patient flies in an arc from the agent, which stays, to the recipient."""
    tilt = order.rng.uniform(-0.5, 0.5)  # mostly sideways, so that the arc can be seen
    step = np.array([order.rng.choice([-1.0, 1.0]) * np.cos(tilt), np.sin(tilt)])
    recipient, near = _recipient(order, step, 0.35)
    near = near - 0.07 * step  # it lands a little short, so that the recipient has room to move
    agent = near - 0.28 * step
    swing = -0.05 * np.sin(np.pi * ramp(order.time, 0.0, 0.4))[:, None] * step
    flight = ramp(order.time, 0.2, 0.75)
    held = agent + order.contact * 0.92 * step
    landed = near + order.contact * 0.92 * step
    back = swing * (flight == 0)[:, None]
    ground = held + flight[:, None] * (landed - held) + back
    return {
        "agent": Path.along(agent + swing),
        "patient": Path.along(ground, 4 * flight * (1 - flight) * 0.24, layer=1),
        "recipient": Path.along(np.tile(recipient, (len(flight), 1))),
    }


def _recipient(order: Order, step: Array, way: float) -> tuple[Array, Array]:
    """Where the recipient stands, and where the agent stands when the patient it holds touches it."""
    arm = order.contact * 0.92 + order.radius["patient"] + order.radius["recipient"]
    given = order.start["recipient"]
    if given is None:
        given = order.spot((way + arm) * step, lowest=0.3) + (way + arm) * step
    return given, given - arm * step
