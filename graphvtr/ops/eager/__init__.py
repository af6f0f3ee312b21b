"""The ops in plain PyTorch: quick on a CPU, correct on any device."""
