"""The preview: a local browser page beside the recording, served by a process of its own."""
