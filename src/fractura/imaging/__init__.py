"""Pixels: reading, enhancing, fitting, measuring, drawing and simulating radiographs."""
