"""TinyLogBERT: tails log files, gives every line a BERT verdict, alerts on the few that matter."""

__version__ = "0.1.0"
