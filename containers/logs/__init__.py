"""Logs of instances: followed live and merged by time, filtered, read back from engines, kept rows, and files."""
