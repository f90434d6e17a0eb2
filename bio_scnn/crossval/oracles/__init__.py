"""Right answers that a layer is compared with, and the drives that ask for them."""
