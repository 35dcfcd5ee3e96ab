"""Where alerts are delivered, out of the durable state."""
