"""MovingScenes: simulated clips with gold boxes, tracks, role graphs and hard negatives."""

from graphvtr.datasets.moving_scenes.dataset import MovingScenes
from graphvtr.datasets.moving_scenes.generate import SPLITS
from graphvtr.datasets.moving_scenes.negatives import KINDS
from graphvtr.datasets.moving_scenes.script import Event, Script, Thing, composition, is_held_out

__all__ = ["KINDS", "SPLITS", "Event", "MovingScenes", "Script", "Thing", "composition", "is_held_out"]
