"""From records to batches: resized images on disk, the plan of each epoch, random variants."""
