"""The ``codeface`` command."""
