"""One window of neurons on a page for any browser."""

from bio_scnn.explorer.exploration import explore
from bio_scnn.explorer.page import Picture, explore_page
from bio_scnn.explorer.window import View, Window, record_window

__all__ = ["Picture", "View", "Window", "explore", "explore_page", "record_window"]
