"""Data of stateful services: snapshots of their volumes, when they are taken, how long they are kept, and putting them back."""
