"""Puts the service in place on a host or in a package's tree, and describes the command line."""
