"""Signing in: django-allauth's flows in our words, second factors, and what the log says of it."""
