"""From a record to its verdict: shape, text, tokens, TorchScript model, verdict cache."""
