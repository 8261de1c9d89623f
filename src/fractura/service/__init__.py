"""A web page, a REST service and a DICOM node, in one process that loses nothing."""
