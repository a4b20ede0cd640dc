"""What the platform does with the chain by itself and on pages: verifications, exports, outlets."""
