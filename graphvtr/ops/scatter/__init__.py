"""The ops that torch-scatter has a kernel for. Extremes share their gradient between ties, which it does not do:
those backward passes are the torch backend's.
"""
