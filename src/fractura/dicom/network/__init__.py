"""DICOM over the network: a node that takes objects, and clients that send and fetch them."""
