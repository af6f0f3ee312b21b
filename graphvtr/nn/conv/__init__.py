"""Graph layers, one file a layer."""

from graphvtr.nn.conv.role_gat_conv import RoleGATConv

__all__ = ["RoleGATConv"]
