"""Pictures, reports, DICOM results and manifests of readings; no database."""
