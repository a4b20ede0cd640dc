"""Calls to addresses that people name: judged first, to the one address that was judged, bounded in time and size."""
