"""What stands on the bench: the trigger's firmware and its emulation, targets, virtual cameras."""
