"""What would become of the fleet if: hosts more or fewer, services more, larger or new. Nothing of it changes anything."""
