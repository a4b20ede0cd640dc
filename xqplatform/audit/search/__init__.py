"""Searching the log: `language` reads what was typed, `words` says which tokens an event has, `matching` what to ask the
index for, `index` feeds it, `store` is the index itself (FTS5 or GIN), and `finding` answers pages, exports and the API."""
