"""What was read of a DICOM radiograph, as DICOM objects that a PACS stores and shows."""
