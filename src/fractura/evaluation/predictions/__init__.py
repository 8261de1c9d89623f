"""What a model, or any other software, said of labelled radiographs."""
