"""Labelled radiographs: adapters of public sources, splits, duplicates."""
