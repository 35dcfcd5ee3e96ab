"""The configuration: defaults < file < environment < options, each mistake one clear line."""

from tinylogbert_daemon.config.load import ENVIRONMENT_PREFIX, SYSTEM_FILE, load, parse
from tinylogbert_daemon.config.schema import Config
from tinylogbert_daemon.config.sources import Source

__all__ = ["ENVIRONMENT_PREFIX", "SYSTEM_FILE", "Config", "Source", "load", "parse"]
