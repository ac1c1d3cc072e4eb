"""The names of evaluations: `set12/gaussian_25` of a named test set, `gaussian_25` of the dataset's own test part."""


def named(test_set: str, evaluation: str) -> str:
    """Return the name of an evaluation of a test set."""
    return f"{test_set}/{evaluation}"


def set_of(name: str) -> str:
    """Return the test set of an evaluation; "" for the dataset's own test part."""
    return name.rpartition("/")[0]


def degradation_of(name: str) -> str:
    """Return the degradation of an evaluation, as the config calls it."""
    return name.rpartition("/")[2]
