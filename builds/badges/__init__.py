"""Badges: pictures of a project's state for other people's pages, by an address that nobody guesses, or for everybody."""
