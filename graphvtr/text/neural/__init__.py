"""The trained role labeller: word pieces, features of the dependency tree, the network and its decoder."""
