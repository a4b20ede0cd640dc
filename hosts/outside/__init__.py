"""What somebody else changes on an engine: its events that no action of the platform's accounts for become audit events."""
