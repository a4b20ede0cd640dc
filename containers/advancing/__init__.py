"""One run of a deployment: `runner` decides again and again, `crew` works on steps, `pulls` fetches images, `rows` writes."""
