"""Plots; every function takes arrays or a graph and returns a matplotlib Axes or Figure."""

from graphvtr.plot.attention import (
    phrase_frame_weights,
    plot_phrase_frames,
    plot_role_attention,
    role_attention,
    word_attention,
)
from graphvtr.plot.curves import plot_curves, plot_rank_histogram
from graphvtr.plot.gallery import FoundCaption, Hit, plot_caption_gallery, plot_gallery
from graphvtr.plot.html import role_graph_html, role_graph_svg
from graphvtr.plot.regions import plot_region_attention, region_attention_image, region_attention_images
from graphvtr.plot.retrieved import Retrieved
from graphvtr.plot.role_graph import plot_role_graph
from graphvtr.plot.role_layout import role_layout
from graphvtr.plot.space_time import plot_space_time_attention, space_time_matrix
from graphvtr.plot.tracks import TrackedClip, plot_tracks

__all__ = [
    "FoundCaption",
    "Hit",
    "Retrieved",
    "TrackedClip",
    "phrase_frame_weights",
    "plot_caption_gallery",
    "plot_curves",
    "plot_gallery",
    "plot_phrase_frames",
    "plot_rank_histogram",
    "plot_region_attention",
    "plot_role_attention",
    "plot_role_graph",
    "plot_space_time_attention",
    "plot_tracks",
    "region_attention_image",
    "region_attention_images",
    "role_attention",
    "role_graph_html",
    "role_graph_svg",
    "role_layout",
    "space_time_matrix",
    "word_attention",
]
