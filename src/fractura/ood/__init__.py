"""Whether a picture is one that a model knows: made-up pictures and the detector."""
