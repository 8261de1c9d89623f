"""All that the service remembers: a database and the images."""
