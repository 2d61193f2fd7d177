"""From datasets to scored models: cost, training, protocol, results, reports."""
