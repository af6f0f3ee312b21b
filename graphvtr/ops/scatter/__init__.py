"""The ops that torch-scatter has a kernel for. Extremes run on the torch backend: torch-scatter's lose NaN and
do not share their gradient between ties.
"""
