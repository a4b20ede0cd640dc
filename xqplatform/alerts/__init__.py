"""Alerts: rules over stored series and states, what fires, who is told. Apps above register what they know (`sources`, `subjects`)."""
