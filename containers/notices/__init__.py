"""What releases have to tell people: written with the happening, put into words when somebody reads it."""
