"""A rig's devices together, and takes made with them."""
