"""What there is, what is used, what it is for and when it runs out: daily roll-ups, and the pages that read them."""
