"""Interpretation: from a radiograph to a reading, with ONNX Runtime and no torch."""
