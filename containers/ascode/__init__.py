"""Services and environments as code: a YAML file, its difference from what is set, and the file applied through the verbs.

`source` (text → data with lines) → `reading` (data → documents, every mistake named) → `merge` (documents and what is set → what
is wanted) → `difference` are pure; `state` reads rows, `plans` joins both, `applying` calls the verbs, `drift` compares later.
"""
