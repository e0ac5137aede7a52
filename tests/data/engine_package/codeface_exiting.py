"""A script, which exits where a plug-in was expected."""

raise SystemExit(3)
