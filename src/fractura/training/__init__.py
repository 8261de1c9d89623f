"""Training of the network that ships, from a recipe. Needs ``fractura[train]``."""
