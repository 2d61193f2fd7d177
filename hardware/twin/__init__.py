"""The virtual rig: a camera producer, a world and its physics, reached as a real rig is."""
