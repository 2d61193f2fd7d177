"""What goes out with a dataset: datasheet, licence, quality report."""
