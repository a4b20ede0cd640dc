"""Gates: after each batch of a release its new instances are measured against rules, which let it go on, hold it, or roll it back."""
