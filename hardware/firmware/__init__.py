"""The trigger controller's firmware and the tools that build and flash it."""
