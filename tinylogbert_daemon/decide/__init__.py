"""From verdicts to decisions: novelty, score, incidents; pure functions over injected time."""
