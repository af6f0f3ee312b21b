"""Plots; every function takes arrays or a graph and returns a matplotlib Axes or Figure."""

from graphvtr.plot.gallery import Hit, plot_gallery
from graphvtr.plot.regions import plot_region_attention, region_attention_image, region_attention_images
from graphvtr.plot.role_graph import plot_role_graph
from graphvtr.plot.space_time import plot_space_time_attention, space_time_matrix

__all__ = [
    "Hit",
    "plot_gallery",
    "plot_region_attention",
    "plot_role_graph",
    "plot_space_time_attention",
    "region_attention_image",
    "region_attention_images",
    "space_time_matrix",
]
