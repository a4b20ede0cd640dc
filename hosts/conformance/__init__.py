"""What shape hosts shall be in, how that is read from them, and how it is put right."""
