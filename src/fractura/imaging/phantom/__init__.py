"""Synthetic radiographs of limbs, with fractures whose boxes and masks are known exactly."""

from fractura.imaging.phantom.anatomy import REGIONS
from fractura.imaging.phantom.fractures import KINDS, FractureKind
from fractura.imaging.phantom.make import Phantom, make_phantom

__all__ = ["KINDS", "REGIONS", "FractureKind", "Phantom", "make_phantom"]
