"""The trigger controller's client: its line, its conversation, its process."""
