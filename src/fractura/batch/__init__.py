"""Many radiographs: what to read, results on disk, shards, Ray."""
