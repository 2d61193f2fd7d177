"""The process that stores what the cameras' rings hold."""
