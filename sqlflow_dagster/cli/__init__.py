"""The ``sqlflow`` command."""
