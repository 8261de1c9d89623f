"""What the threads of a service process do."""
