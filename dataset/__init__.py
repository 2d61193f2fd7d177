"""From clips or real video to a published dataset, and back: reading and verifying."""
