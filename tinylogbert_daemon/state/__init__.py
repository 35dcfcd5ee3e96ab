"""The durable state: one SQLite file in the state directory."""

from tinylogbert_daemon.state.effects import Delivery, Effects
from tinylogbert_daemon.state.store import Store

__all__ = ["Delivery", "Effects", "Store"]
