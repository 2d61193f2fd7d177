"""The floor: what every wing stands on. Imports no wing and no device library."""
