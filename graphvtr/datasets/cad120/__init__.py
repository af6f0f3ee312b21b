"""CAD120Graphs: real boxes, tracks and relations as region graphs, with captions from their labels."""

from graphvtr.datasets.cad120.annotations import CATEGORIES, RELATIONS, STATES, Annotations, Recording
from graphvtr.datasets.cad120.dataset import CAD120Graphs
from graphvtr.datasets.cad120.graphs import RELATION
from graphvtr.datasets.cad120.units import Action, Unit

__all__ = [
    "CATEGORIES",
    "RELATION",
    "RELATIONS",
    "STATES",
    "Action",
    "Annotations",
    "CAD120Graphs",
    "Recording",
    "Unit",
]
