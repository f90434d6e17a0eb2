"""One window of neurons on a page for any browser."""

from bio_scnn.explorer.page import Picture, explore_page
from bio_scnn.explorer.window import Window, record_window

__all__ = ["Picture", "Window", "explore_page", "record_window"]
