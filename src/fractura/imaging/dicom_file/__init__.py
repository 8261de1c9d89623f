"""DICOM files: parse, header, pixels, display."""
