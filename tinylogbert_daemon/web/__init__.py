"""The REST API, metrics and health, for the daemon and for `serve` alone."""
