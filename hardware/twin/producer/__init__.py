"""C sources of the GenTL producer, and nothing in Python."""
