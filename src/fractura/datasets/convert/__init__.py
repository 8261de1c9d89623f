"""Manifests as files that other programs read."""
