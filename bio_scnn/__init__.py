"""bio_scnn."""
