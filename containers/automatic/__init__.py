"""Releases that begin by themselves when what was pushed is built: a rule a place, and never past a guardrail."""
