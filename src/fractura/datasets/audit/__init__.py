"""Find duplicates, leaks, shortcuts and broken files in a manifest."""
