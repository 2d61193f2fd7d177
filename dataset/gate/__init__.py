"""What a recorded clip must show before it is published."""
