"""Where C1 sees what C2 sees: the map, its residuals, its uncertainty, parallax and drift."""
