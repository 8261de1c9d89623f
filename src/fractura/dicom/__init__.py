"""DICOM in and out: de-identification."""
