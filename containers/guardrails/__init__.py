"""Guardrails: what a release must have behind it before it begins in an environment, and when none may begin.

Pure: `verdict`, `proof`, `limits`, `times`, `sessions`. Rows into these: `rules`, `evidence`, `windows`. The one question that
everybody asks is `asking.ask`; verbs are in `services`, `calendars` and `glass`.
"""
