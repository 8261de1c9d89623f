"""What a model does with changed, foreign and explained radiographs."""
