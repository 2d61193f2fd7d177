"""What this wing raises when it is asked for something that cannot be."""


class ModelMistake(ValueError):
    """A configuration, a state dict or frames that do not fit a model.

    The message is one line that names the field and the way out; a verb may show it as it is.
    """
